"""Question to candidates."""

from collections.abc import Sequence

from rag.store.base import StoreReader
from rag.types import EVERYTHING, ChunkFilter, Query, Scope, ScoredChunk
from service.metrics import RETRIEVED_CHUNKS
from service.quoting import coverage

# How much shared words count beside the cosine: chosen on one half of CLAPNQ, measured on the other (docs/adr/0004).
_COVERAGE_WEIGHT = 0.2


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

    def is_relevant(self, question: str, hits: Sequence[ScoredChunk]) -> bool:
        """Whether the nearest passage is near enough to answer from."""
        return nearness(question, hits) >= self._min_similarity


def nearness(question: str, hits: Sequence[ScoredChunk]) -> float:
    """The best cosine of question and passage, 0.1 more where the passage has all words of the question, 0.1 less
    where it has none; -1 without any passage.

    The fused score cannot tell: it only knows ranks, and something is always first.
    """
    return max(
        (hit.similarity + _COVERAGE_WEIGHT * (coverage(question, hit.chunk.passage) - 0.5) for hit in hits),
        default=-1.0,
    )
