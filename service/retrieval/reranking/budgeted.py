"""Reranking within a time budget: in batches, the best candidates first."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from rag.errors import GroundworkError
from rag.tracing import semconv
from rag.tracing.attributes import content, documents
from rag.tracing.spans import Attributes, span
from rag.types import ScoredChunk
from service.metrics import RERANKS_BY
from service.retrieval.reranking.base import Reranker

log = structlog.get_logger()

RerankExtent = Literal["full", "partial", "skipped", "failed"]
"""How many candidates were scored.

full      all
partial   only the first batches, because the time was up
skipped   none, because there was no time
failed    not all, because the reranker raised an error
"""

# Weight of the latest batch in the moving average of the time per passage.
_WEIGHT = 0.3
# Factor by which the estimate shrinks when a batch is skipped, so that one slow moment does not disable reranking.
_DECAY = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranked:
    """The candidates in their new order. Candidates without a score follow in their original order."""

    hits: Sequence[ScoredChunk]
    extent: RerankExtent


class BudgetedReranker:
    """Reranks candidates in the available time. Slow or failing rerankers leave the order unchanged."""

    def __init__(self, reranker: Reranker, *, candidates: int) -> None:
        self._reranker = reranker
        self.model = reranker.model
        self._seconds_per_passage = 0.0
        self.candidates = candidates

    async def rerank(self, question: str, hits: Sequence[ScoredChunk], *, seconds: float) -> Reranked:
        """Rerank the candidates in about `seconds` at most. It never raises."""
        attributes: Attributes = {
            semconv.OPERATION: semconv.RERANK,
            semconv.REQUEST_MODEL: self.model,
            semconv.RETRIEVAL_TOP_K: min(self.candidates, len(hits)),
        }
        with span(f"{semconv.RERANK} {self.model}", attributes) as call:
            reranked = await self._rerank(question, hits, time.perf_counter() + seconds)
            RERANKS_BY[reranked.extent].inc()
            if call.is_recording():
                call.set_attribute(semconv.EXTENT, reranked.extent)
                call.set_attributes(content(semconv.RETRIEVAL_QUERY, question))
                call.set_attributes(documents(semconv.RERANKED_DOCUMENTS, reranked.hits))
            return reranked

    async def _rerank(self, question: str, hits: Sequence[ScoredChunk], deadline: float) -> Reranked:
        selected = hits[: self.candidates]
        scores: list[float] = []
        failed = False
        while len(scores) < len(selected) and not failed:
            batch = selected[len(scores) : len(scores) + self._reranker.batch_size]
            remaining = deadline - time.perf_counter()
            if remaining <= self._seconds_per_passage * len(batch):
                self._seconds_per_passage *= _DECAY
                break
            try:
                scores += await self._score(question, batch, remaining)
            except TimeoutError:
                self._update_estimate(remaining, len(batch))
                break
            except GroundworkError as error:
                log.warning("reranking_failed", reason=error.describe())
                failed = True
        return Reranked(hits=_in_order(hits, scores), extent=_extent(len(scores), len(selected), failed=failed))

    async def _score(self, question: str, batch: Sequence[ScoredChunk], seconds: float) -> list[float]:
        began = time.perf_counter()
        async with asyncio.timeout(seconds):
            scores = await self._reranker.score(question, [hit.chunk.passage for hit in batch])
        self._update_estimate(time.perf_counter() - began, len(batch))
        return scores

    def _update_estimate(self, seconds: float, passages: int) -> None:
        measured = seconds / passages
        average = self._seconds_per_passage or measured
        self._seconds_per_passage = (1 - _WEIGHT) * average + _WEIGHT * measured


def _in_order(hits: Sequence[ScoredChunk], scores: Sequence[float]) -> list[ScoredChunk]:
    scored = [replace(hit, rerank_score=score) for hit, score in zip(hits, scores, strict=False)]
    # The sort is stable: equal scores keep the order of the search.
    return [*sorted(scored, key=lambda hit: -(hit.rerank_score or 0.0)), *hits[len(scores) :]]


def _extent(scored: int, selected: int, *, failed: bool) -> RerankExtent:
    if scored == selected:
        return "full"
    if failed:
        return "failed"
    return "partial" if scored else "skipped"
