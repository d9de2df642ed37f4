"""Question to candidates."""

from collections.abc import Sequence

from rag.store.base import StoreReader
from rag.types import EVERYTHING, ChunkFilter, Query, Scope, ScoredChunk
from service.metrics import RETRIEVED_CHUNKS


class Retriever:
    """Hybrid search, and the judgement whether anything it found is about the question at all."""

    def __init__(self, store: StoreReader, *, min_similarity: float) -> None:
        self._store = store
        self._min_similarity = min_similarity

    async def retrieve(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        """The best passages, best first."""
        hits = await self._store.search(scope, query, limit=limit, where=where)
        RETRIEVED_CHUNKS.observe(len(hits))
        return hits

    def is_relevant(self, hits: Sequence[ScoredChunk]) -> bool:
        """Whether the nearest passage is near enough to answer from.

        The fused score cannot tell: it only knows ranks, and something is always first.
        """
        return max((hit.similarity for hit in hits), default=-1.0) >= self._min_similarity
