"""Reference vectors of the packaged embedder. The README in this folder says how they were made."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

_FOLDER = Path(__file__).parent
VECTORS = _FOLDER / "vectors.npz"
_LONG = (
    "The quick brown fox jumps over the lazy dog. " * 40,  # 401 tokens
    "x" * 5_000,  # one word outside the vocabulary
    "word " * 254,  # exactly the maximum length
    "word " * 255,  # one token too long
)


def golden_texts() -> list[str]:
    """Return the embedded texts: everyday texts, edge cases, and texts at and over the model's length."""
    return [*json.loads((_FOLDER / "texts.json").read_text()), *_LONG]


def golden_vectors() -> npt.NDArray[np.float32]:
    """Return float32 vectors of shape (texts, 384) with norm 1."""
    with np.load(VECTORS) as file:
        vectors: npt.NDArray[np.float32] = file["vectors"]
    return vectors


def record(vectors: Sequence[npt.NDArray[np.float32]]) -> None:
    """Replace the reference vectors; only right for other weights."""
    np.savez_compressed(VECTORS, vectors=np.stack(vectors))
