"""File operations of the store: sparse copies, maps of full disks, and replacements that survive a crash."""

import errno
import mmap
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

_PIECE_BYTES = 1 << 20
# Linux 5.14 and later. Python has no name for it yet.
_MADV_POPULATE_READ = 22


def copy_folder(source: Path, target: Path, *, reserve: int) -> None:
    """Copy a folder durably; raises `OSError` if fewer than `reserve` bytes would be free afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    require_free(target.parent, data_bytes(source) + reserve)
    try:
        shutil.copytree(source, target, copy_function=_copy_sparse)
    except BaseException:  # KeyboardInterrupt must not leave a partial copy either.
        shutil.rmtree(target, ignore_errors=True)
        raise


def require_free(path: Path, wanted: int) -> None:
    """Raise `OSError` if the file system of `path` has fewer than `wanted` free bytes."""
    free = shutil.disk_usage(path).free
    if free < wanted:
        raise OSError(errno.ENOSPC, f"{free >> 20} MiB are free, and {wanted >> 20} MiB are needed")


def allocate_holes(files: Iterable[Path]) -> None:
    """Allocate what reading these files through memory maps needs; raises `OSError` on a full disk.

    In a memory file system such as tmpfs, a hole that is read needs memory. Without this call, a reader of a full one
    would be killed by SIGBUS. Other file systems need nothing.
    """
    # A small file comes first, because it shows cheaply whether holes need anything here.
    for path in sorted(files, key=lambda path: path.stat().st_size):
        before = path.stat()
        if before.st_blocks * 512 >= before.st_size:
            continue
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            try:
                mapped.madvise(_MADV_POPULATE_READ)
            except OSError as error:
                if error.errno == errno.EFAULT:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
                return  # The kernel does not know this advice.
        if path.stat().st_blocks == before.st_blocks:
            return  # Reading a hole needs nothing here.


def data_bytes(folder: Path) -> int:
    """Return the bytes that the files of a folder occupy on disk, without holes."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def _copy_sparse(source: str, target: str) -> None:
    """Copy data and skip holes: a small shard has 13 MB of data in 123 MB of preallocated files."""
    with Path(source).open("rb") as reader, Path(target).open("wb") as writer:
        writer.truncate(os.fstat(reader.fileno()).st_size)
        offset = 0
        while True:
            try:
                start = os.lseek(reader.fileno(), offset, os.SEEK_DATA)
            except OSError:  # There is no data after `offset`.
                break
            offset = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
            reader.seek(start)
            writer.seek(start)
            for position in range(start, offset, _PIECE_BYTES):
                writer.write(reader.read(min(_PIECE_BYTES, offset - position)))
        writer.flush()
        os.fsync(writer.fileno())


def copy_file(source: Path, target: Path) -> None:
    """Copy a file durably, with its mode, and create its folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def replace_text(path: Path, text: str) -> None:
    """Replace the content of a file in one step, durably."""
    draft = path.with_suffix(".draft")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Flush a folder to disk, so that a rename in it survives a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
