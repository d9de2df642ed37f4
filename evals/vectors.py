"""Vectors of texts, computed once and kept: they are what takes the time."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.embedding.base import Embedder


async def embed_once(texts: Sequence[str], embedder: Embedder, cache: Path) -> npt.NDArray[np.float32]:
    """The vectors of exactly these texts by this embedder, computed where they are not in the cache."""
    path = cache / f"{_key_of(texts, embedder)}.npy"
    kept = _load(path)
    if kept is not None:
        return kept
    vectors = np.stack(await embedder.embed_passages(texts))
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
