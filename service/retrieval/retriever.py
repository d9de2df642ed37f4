"""Question to passages: search, then what the list as a whole should look like."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rag.stages import StageTimer
from rag.store.base import StoreReader
from rag.tracing import semconv
from rag.tracing.attributes import content, documents
from rag.tracing.spans import Attributes, span
from rag.types import EVERYTHING, ChunkFilter, Query, Scope, ScoredChunk, Vector
from service.metrics import PASSED_OVER, RETRIEVED_CHUNKS
from service.retrieval.expansion import around, expand
from service.retrieval.query_weights import words_share_of
from service.retrieval.reranking.budgeted import BudgetedReranker, RerankExtent
from service.retrieval.selection import Candidate, choose
from service.sentences import coverage
from service.settings import RetrievalSettings

# How much shared words count beside the cosine: chosen on one half of CLAPNQ, measured on the other (docs/adr/0004).
_COVERAGE_WEIGHT = 0.2
_CANDIDATES_PER_RESULT = 4
_MIN_CANDIDATES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalResult:
    """The best passages, best first."""

    hits: Sequence[ScoredChunk]
    candidates: Sequence[Candidate]
    """All that were considered, in the order of search and reranking."""
    reranking: RerankExtent | None
    """How far they were reranked; None where there is no reranker."""


class Retriever:
    """Hybrid search, reranked where there is a reranker and time; and whether what it found is about the question."""

    def __init__(
        self,
        store: StoreReader,
        settings: RetrievalSettings,
        reranker: BudgetedReranker | None = None,
        *,
        collection: str = "groundwork",
    ) -> None:
        """`collection` is the name of the collection in traces."""
        self._store = store
        self._collection = collection
        self._settings = settings
        self._reranker = reranker

    async def retrieve(
        self,
        scope: Scope,
        question: str,
        vector: Vector,
        *,
        limit: int,
        timer: StageTimer,
        where: ChunkFilter = EVERYTHING,
        until: float = math.inf,
    ) -> RetrievalResult:
        """Ends the stages "search" and "rerank"; the latter is over by `until`, a time of `perf_counter()`."""
        attributes: Attributes = {
            semconv.OPERATION: semconv.RETRIEVAL,
            semconv.DATA_SOURCE: self._collection,
            semconv.RETRIEVAL_TOP_K: limit,
        }
        with span(f"{semconv.RETRIEVAL} {self._collection}", attributes) as retrieval:
            found = await self._retrieve(scope, question, vector, limit=limit, timer=timer, where=where, until=until)
            if retrieval.is_recording():
                retrieval.set_attributes(content(semconv.RETRIEVAL_QUERY, question))
                retrieval.set_attributes(documents(semconv.RETRIEVAL_DOCUMENTS, found.hits))
            return found

    async def _retrieve(
        self,
        scope: Scope,
        question: str,
        vector: Vector,
        *,
        limit: int,
        timer: StageTimer,
        where: ChunkFilter,
        until: float,
    ) -> RetrievalResult:
        candidates: Sequence[ScoredChunk]
        with timer.stage("search"):
            query = self.to_query(question, vector)
            candidates = await self._store.search(scope, query, limit=self._candidates_for(limit), where=where)
        extent = None
        if self._reranker is not None:
            with timer.stage("rerank"):
                reranked = await self._reranker.rerank(question, candidates, seconds=until - time.perf_counter())
                candidates, extent = reranked.hits, reranked.extent
        chosen = choose(
            candidates,
            limit=limit,
            overlap=self._settings.duplicate_overlap,
            per_document=self._settings.per_document,
        )
        RETRIEVED_CHUNKS.observe(len(chosen.hits))
        PASSED_OVER.inc(sum(candidate.reason != "taken" for candidate in chosen.candidates[:limit]))
        return RetrievalResult(hits=chosen.hits, candidates=chosen.candidates, reranking=extent)

    def to_query(self, question: str, vector: Vector) -> Query:
        """What the question asks the store for."""
        return Query(
            text=question,
            vector=vector,
            words_share=words_share_of(question),
            feedback=self._settings.feedback,
            smoothing=self._settings.smoothing,
        )

    async def expand(self, scope: Scope, hits: Sequence[ScoredChunk]) -> list[ScoredChunk]:
        """The same passages, longer: for whoever reads them as a whole."""
        with span("expand"):
            tokens = self._settings.expand_to_tokens
            if not hits or not tokens:
                return list(hits)
            return expand(hits, [chunk async for chunk in self._store.scroll(scope, around(hits))], tokens=tokens)

    def is_relevant(self, question: str, hits: Sequence[ScoredChunk]) -> bool:
        """Whether the nearest passage is near enough to answer from."""
        return nearness(question, hits) >= self._settings.min_similarity

    def _candidates_for(self, limit: int) -> int:
        readable = self._reranker.candidates if self._reranker else 0
        return max(_MIN_CANDIDATES, limit * _CANDIDATES_PER_RESULT, readable)


def nearness(question: str, hits: Sequence[ScoredChunk]) -> float:
    """The best cosine of question and passage, 0.1 more where the passage has all words of the question, 0.1 less
    where it has none; -1 without any passage.

    The fused score cannot tell: something is always first.
    """
    return max(
        (hit.similarity + _COVERAGE_WEIGHT * (coverage(question, hit.chunk.passage) - 0.5) for hit in hits),
        default=-1.0,
    )
