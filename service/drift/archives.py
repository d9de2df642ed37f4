"""Arrays in one file of numpy's: references, windows, and the passages of a revision."""

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

UNREADABLE = (OSError, EOFError, BadZipFile, zlib.error, ValueError, KeyError, TypeError)
"""What numpy raises for an archive that is damaged, cut off, or something else."""


def write_arrays(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """As numpy's archive under exactly this name; whoever reads meanwhile sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    draft.replace(path)
