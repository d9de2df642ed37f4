"""Vectors of the packaged embedder that are known to be right; the README beside them says how they were made."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

_FOLDER = Path(__file__).parent
VECTORS = _FOLDER / "vectors.npz"
_LONG = (
    "The quick brown fox jumps over the lazy dog. " * 40,  # 401 tokens
    "x" * 5_000,  # one word that the vocabulary does not know
    "word " * 254,  # fits to the last token
    "word " * 255,  # loses one
)


def golden_texts() -> list[str]:
    """What was embedded: everyday texts, edge cases, and texts at and over the model's length."""
    return [*json.loads((_FOLDER / "texts.json").read_text()), *_LONG]


def golden_vectors() -> npt.NDArray[np.float32]:
    """One row of norm 1 for each text."""
    with np.load(VECTORS) as file:
        vectors: npt.NDArray[np.float32] = file["vectors"]
    return vectors


def record(vectors: Sequence[npt.NDArray[np.float32]]) -> None:
    np.savez_compressed(VECTORS, vectors=np.stack(vectors))
