"""Files as the store needs them: copied without their holes, replaced so that a crash leaves the old or the new."""

import errno
import os
import shutil
from pathlib import Path

_PIECE_BYTES = 1 << 20


def copy_folder(source: Path, target: Path, *, reserve: int) -> None:
    """Durably, and nothing is left behind where it fails: the rest of a full disk is needed for other things.

    Raises `OSError` where less than `reserve` bytes would be left free.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    require_free(target.parent, data_bytes(source) + reserve)
    try:
        shutil.copytree(source, target, copy_function=_copy_sparse)
    except BaseException:  # An interrupt, too, would leave half a copy; it goes on from here.
        shutil.rmtree(target, ignore_errors=True)
        raise


def require_free(path: Path, wanted: int) -> None:
    free = shutil.disk_usage(path).free
    if free < wanted:
        raise OSError(errno.ENOSPC, f"{free >> 20} MiB are free, and {wanted >> 20} MiB are needed")


def data_bytes(folder: Path) -> int:
    """What its files take on the disk, holes not counted."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def _copy_sparse(source: str, target: str) -> None:
    """Copies data and skips holes: a small shard is 13 MB of data in 123 MB of preallocated files."""
    with Path(source).open("rb") as reader, Path(target).open("wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        writer.truncate(size)
        offset = 0
        while offset < size:
            try:
                start = os.lseek(reader.fileno(), offset, os.SEEK_DATA)
            except OSError:  # Nothing but a hole is left.
                break
            offset = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
            reader.seek(start)
            writer.seek(start)
            for position in range(start, offset, _PIECE_BYTES):
                writer.write(reader.read(min(_PIECE_BYTES, offset - position)))
        writer.flush()
        os.fsync(writer.fileno())


def copy_file(source: Path, target: Path) -> None:
    """With its mode, on the disk when this returns; makes the folder where there is none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def replace_text(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """A rename survives a power cut when its folder is on the disk too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
