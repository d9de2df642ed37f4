"""An embedder that needs no model: texts with the same words have near vectors."""

import zlib
from collections.abc import Sequence

import numpy as np

from rag.types import EmbedderIdentity, Vector
from service.sentences import stems

_DIMENSION = 512


class WordEmbedder:
    """Embeds a text as the set of its words."""

    identity = EmbedderIdentity(model="words", dimension=_DIMENSION)
    batch_size = 1
    concurrency = 1

    def __init__(self) -> None:
        self.embedded: list[str] = []

    async def embed_query(self, text: str) -> Vector:
        return _to_vector(text)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        self.embedded += texts
        return [_to_vector(text) for text in texts]


def _to_vector(text: str) -> Vector:
    vector = np.full(_DIMENSION, 1e-6, np.float32)
    for stem in stems(text):
        vector[zlib.crc32(stem.encode()) % _DIMENSION] += 1.0
    return vector / np.linalg.norm(vector)
