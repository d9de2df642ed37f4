"""Writes to disk that survive a power failure."""

import os
import shutil
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_bytes(path: Path, content: bytes, *, draft: Path) -> None:
    """Write a file, or replace one, in one step. `draft` is on the same file system."""
    write_bytes(draft, content)
    draft.replace(path)
    sync_folder(path.parent)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file with its mode, and create its folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Flush a folder to disk, so that a rename in it survives."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
