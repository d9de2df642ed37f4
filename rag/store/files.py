"""File operations of the store: sparse copies, and maps of full disks."""

import errno
import mmap
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

_PIECE_BYTES = 1 << 20
# The engine replaces files of a shard that it opens, from drafts in such folders.
_DRAFTS = ".atomicwrite*"
# The engine removes its journals when it opens a shard for the first time. So a second copy meets none.
_COPY_TRIES = 5
# Linux 5.14 and later. Python has no name for it yet.
_MADV_POPULATE_READ = 22


def copy_folder(source: Path, target: Path, *, reserve: int) -> None:
    """Copy a shard durably; raises `OSError` if fewer than `reserve` bytes would be free afterwards.

    Another process may open the source meanwhile. If a file disappears during the copy, the copy starts again.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    require_free(target.parent, data_bytes(source) + reserve)
    for tries_left in reversed(range(_COPY_TRIES)):
        try:
            shutil.copytree(source, target, copy_function=_copy_sparse, ignore=shutil.ignore_patterns(_DRAFTS))
        except BaseException as error:  # KeyboardInterrupt must not leave a partial copy either.
            shutil.rmtree(target, ignore_errors=True)
            if not (tries_left and source.is_dir() and _lost_a_file(error)):
                raise
        else:
            return


def _lost_a_file(error: BaseException) -> bool:
    return isinstance(error, shutil.Error) and any(not Path(name).exists() for name, *_ in error.args[0])


def files_of(folder: Path) -> Iterator[Path]:
    """Yield the files of a shard, which another process may open and change meanwhile."""
    for parent, folders, names in os.walk(folder):  # Unlike `rglob`, it passes over folders that disappear.
        folders[:] = [name for name in folders if not fnmatch(name, _DRAFTS)]
        yield from (Path(parent, name) for name in names)


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
    for path, _ in sorted(_existing(files), key=lambda it: it[1].st_size):
        with suppress(FileNotFoundError):  # Another process opened the shard and removed a journal.
            if not _allocate_holes(path):
                return


def _allocate_holes(path: Path) -> bool:
    """Return False if holes need nothing here."""
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        if before.st_blocks * 512 >= before.st_size:
            return True
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            try:
                mapped.madvise(_MADV_POPULATE_READ)
            except OSError as error:
                if error.errno == errno.EFAULT:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
                return False  # The kernel does not know this advice.
        return os.fstat(file.fileno()).st_blocks != before.st_blocks


def data_bytes(folder: Path) -> int:
    """Return the bytes that the files of a folder occupy on disk, without holes."""
    return sum(stat.st_blocks * 512 for _, stat in _existing(files_of(folder)))


def _existing(files: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    for path in files:
        with suppress(FileNotFoundError):
            yield path, path.stat()


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
