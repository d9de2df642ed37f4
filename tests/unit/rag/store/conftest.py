"""A place for files with holes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder of a memory file system, in which a hole that is read needs memory."""
    if not Path("/dev/shm").is_dir():
        pytest.skip("there is no memory file system")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def make_hole(path: Path) -> None:
    """Create a file of 1 MiB without data."""
    with path.open("wb") as file:
        file.truncate(1 << 20)
