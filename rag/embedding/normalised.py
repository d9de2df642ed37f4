"""Embeds the normalised form of texts, so that ligatures and full-width letters find their plain forms."""

from collections.abc import Sequence

from rag.embedding.base import Embedder
from rag.types import Vector
from rag.words import normalise


class NormalisedEmbedder:
    """The wrapped embedder, which sees texts as `rag.words` normalises them. Most texts do not change."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.identity = embedder.identity
        self.batch_size = embedder.batch_size
        self.concurrency = embedder.concurrency

    async def embed_query(self, text: str) -> Vector:
        return await self._embedder.embed_query(normalise(text))

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return await self._embedder.embed_passages([normalise(text) for text in texts])
