"""Reading and writing numpy archives: references, windows, and the passages of a revision."""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

UNREADABLE = (OSError, EOFError, BadZipFile, zlib.error, ValueError, KeyError, TypeError)
"""The errors that numpy raises for an archive that is damaged, truncated or of another format."""


@contextmanager
def open_arrays(path: Path) -> Iterator[Mapping[str, npt.NDArray[Any]]]:
    """Open an archive. Raises one of `UNREADABLE`."""
    # numpy leaves a file open if its content is not an archive, so the file is opened here.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        yield arrays


def write_arrays(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write a compressed archive and replace `path` atomically: readers see either the old or the new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    draft.replace(path)
