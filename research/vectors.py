"""Vectors of texts, computed once and kept: they are what takes the time."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from rag.embedding.base import Embedder

# So many texts between two steps of the bar.
_SLICE = 256


async def embed_once(texts: Sequence[str], embedder: Embedder, cache: Path) -> npt.NDArray[np.float32]:
    """The vectors of exactly these texts by this embedder, computed where they are not in the cache."""
    path = cache / f"{_key_of(texts, embedder)}.npy"
    kept = _load(path)
    if kept is not None:
        return kept
    slices = [texts[start : start + _SLICE] for start in range(0, len(texts), _SLICE)]
    found = [await embedder.embed_passages(some) for some in track(slices, "embedding", console=Console(stderr=True))]
    vectors = np.stack([vector for some in found for vector in some])
    _save(path, vectors)
    return vectors


def _key_of(texts: Sequence[str], embedder: Embedder) -> str:
    digest = hashlib.sha256(f"{embedder.identity.model}\n{embedder.identity.digest}".encode())
    for text in texts:
        digest.update(b"\0" + text.encode())
    return digest.hexdigest()[:32]


def _load(path: Path) -> npt.NDArray[np.float32] | None:
    return np.load(path) if path.is_file() else None


def _save(path: Path, vectors: npt.NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft.npy")
    np.save(draft, vectors)
    draft.replace(path)
