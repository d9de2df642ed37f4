"""Reading and writing numpy archives: references, windows, and the passages of a revision."""

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

UNREADABLE = (OSError, EOFError, BadZipFile, zlib.error, ValueError, KeyError, TypeError)
"""The errors that numpy raises for an archive that is damaged, truncated or of another format."""


def write_arrays(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write a compressed archive and replace `path` atomically: readers see either the old or the new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    draft.replace(path)
