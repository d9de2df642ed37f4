"""A cache of text vectors, because embedding takes most of the time of a study."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from rag.embedding.base import Embedder

# Texts per step of the progress bar.
_SLICE = 256


async def embed_once(texts: Sequence[str], embedder: Embedder, cache: Path) -> npt.NDArray[np.float32]:
    """Return the vectors of the texts. They are read from the cache if exactly these texts were embedded before."""
    path = cache / f"{_key_of(texts, embedder)}.npy"
    cached = _load(path)
    if cached is not None:
        return cached
    slices = [texts[start : start + _SLICE] for start in range(0, len(texts), _SLICE)]
    batches = [
        await embedder.embed_passages(batch) for batch in track(slices, "embedding", console=Console(stderr=True))
    ]
    vectors = np.stack([vector for batch in batches for vector in batch])
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
