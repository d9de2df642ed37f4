"""Retrieval: search, rerank, select, and decide whether the passages are relevant."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from rag.stages import StageTimer
from rag.store.base import StoreReader
from rag.tracing import semconv
from rag.tracing.attributes import content, documents
from rag.tracing.spans import Attributes, span
from rag.types import EVERYTHING, ChunkFilter, Query, Scope, ScoredChunk, Vector
from service.metrics import PASSED_OVER, RETRIEVED_CHUNKS
from service.quoting.questions import read_question
from service.retrieval.expansion import append, expand, neighbour_filter, next_filter
from service.retrieval.query_weights import words_share_of
from service.retrieval.reranking.budgeted import BudgetedReranker
from service.retrieval.selection import RetrievedPassages, select
from service.retrieval.spelling import correct, find_unknown, spellings
from service.sentences import coverage
from service.settings import RetrievalSettings

# Weight of shared words beside the cosine, chosen on one half of CLAPNQ and measured on the other (ADR 4).
_COVERAGE_WEIGHT = 0.2
# Duplicates and the limit per document remove candidates, so the search must return more than it needs.
_CANDIDATES_PER_RESULT = 4
_MIN_CANDIDATES = 20


class Retriever:
    """Retrieves passages by hybrid search and optional reranking, and judges their relevance."""

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
    ) -> RetrievedPassages:
        """Retrieve the passages for a question. Reranking ends by `until`, a time of `time.perf_counter()`."""
        attributes: Attributes = {
            semconv.OPERATION: semconv.RETRIEVAL,
            semconv.DATA_SOURCE: self._collection,
            semconv.RETRIEVAL_TOP_K: limit,
        }
        query = self.to_query(question, vector)
        with span(f"{semconv.RETRIEVAL} {self._collection}", attributes) as retrieval:
            result = await self._retrieve(scope, query, limit=limit, timer=timer, where=where, until=until)
            if retrieval.is_recording():
                retrieval.set_attributes(content(semconv.RETRIEVAL_QUERY, question))
                retrieval.set_attributes(documents(semconv.RETRIEVAL_DOCUMENTS, result.hits))
            return result

    async def _retrieve(
        self, scope: Scope, query: Query, *, limit: int, timer: StageTimer, where: ChunkFilter, until: float
    ) -> RetrievedPassages:
        candidates: Sequence[ScoredChunk]
        with timer.stage("search"):
            candidates = await self._store.search(scope, query, limit=self._candidates_for(limit), where=where)
        extent = None
        if self._reranker is not None:
            with timer.stage("rerank"):
                reranked = await self._reranker.rerank(query.text, candidates, seconds=until - time.perf_counter())
                candidates, extent = reranked.hits, reranked.extent
        selection = self.select(candidates, limit=limit)
        RETRIEVED_CHUNKS.observe(len(selection.hits))
        PASSED_OVER.inc(sum(candidate.reason != "taken" for candidate in selection.candidates[:limit]))
        return replace(selection, reranking=extent)

    def select(self, candidates: Sequence[ScoredChunk], *, limit: int) -> RetrievedPassages:
        """Select the best candidates, without duplicates and within the configured limit per document."""
        return select(
            candidates, limit=limit, overlap=self._settings.duplicate_overlap, per_document=self._settings.per_document
        )

    def to_query(self, question: str, vector: Vector) -> Query:
        """Return the query for the store, with the configured weights."""
        return Query(
            text=question,
            vector=vector,
            words_share=words_share_of(question),
            feedback=self._settings.feedback,
            smoothing=self._settings.smoothing,
        )

    async def correct(
        self,
        scope: Scope,
        question: str,
        vector: Vector,
        found: RetrievedPassages,
        *,
        where: ChunkFilter = EVERYTHING,
    ) -> str:
        """Return the question with misspelt words corrected by those of the collection. Empty: nothing to correct."""
        unknown = find_unknown(question, [candidate.hit for candidate in found.candidates])
        if not unknown:
            return ""
        with span("correct"):
            query = Query(text=spellings(unknown), vector=vector, words_share=1.0)
            return correct(
                question, unknown, await self._store.search(scope, query, limit=_MIN_CANDIDATES, where=where)
            )

    async def expand(self, scope: Scope, hits: Sequence[ScoredChunk]) -> list[ScoredChunk]:
        """Return the passages with their neighbours, up to `RAG_RETRIEVAL__EXPAND_TO_TOKENS` in total."""
        with span("expand"):
            tokens = self._settings.expand_to_tokens
            if not hits or not tokens:
                return list(hits)
            neighbours = [chunk async for chunk in self._store.scroll(scope, neighbour_filter(hits))]
            return expand(hits, neighbours, tokens=tokens)

    async def continued(self, scope: Scope, hit: ScoredChunk) -> ScoredChunk:
        """Return the passage together with the next one, for an announcement at its end."""
        with span("continue"):
            return append(hit, [chunk async for chunk in self._store.scroll(scope, next_filter(hit))])

    async def has_documents(self, scope: Scope) -> bool:
        """Return whether the scope has any document. It reads one page of the store at most."""
        async for _ in self._store.documents(scope):
            return True
        return False

    def is_relevant(self, question: str, hits: Sequence[ScoredChunk]) -> bool:
        """Return whether the best passage is relevant enough to answer from."""
        return nearness(question, hits) >= self._settings.min_similarity

    def _candidates_for(self, limit: int) -> int:
        rerankable = self._reranker.candidates if self._reranker else 0
        return max(_MIN_CANDIDATES, limit * _CANDIDATES_PER_RESULT, rerankable)


def nearness(question: str, hits: Sequence[ScoredChunk]) -> float:
    """Return the relevance of the best passage, or -1 without passages.

    It is the cosine, plus 0.1 if the passage contains all words of the question, minus 0.1 if it contains none.
    It is 1 if the question is a term, such as an error code, or names a section, a setting in capitals or a flag, and a
    passage contains it: no embedder knows such terms. If the question has further codes, the passage has them, too.
    The fused score cannot decide this, because it only ranks the passages of one search.
    """
    asked = read_question(question)
    if asked.is_bare and any(asked.is_named_in(hit.chunk.passage) for hit in hits):
        return 1.0
    if asked.names_setting and any(asked.has_codes_in(hit.chunk.passage) for hit in hits):
        return 1.0
    if asked.is_section and any(asked.has_section_in(hit.chunk) for hit in hits):
        return 1.0
    return max(
        (hit.similarity + _COVERAGE_WEIGHT * (coverage(question, hit.chunk.passage) - 0.5) for hit in hits),
        default=-1.0,
    )
