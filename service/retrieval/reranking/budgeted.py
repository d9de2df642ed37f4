"""Reranking in the time there is: batch by batch, the best candidates first, and none that would come too late."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from rag.errors import GroundworkError
from rag.types import ScoredChunk
from service.metrics import RERANKS_BY
from service.retrieval.reranking.base import Reranker

log = structlog.get_logger()

RerankExtent = Literal["full", "partial", "skipped", "failed"]
"""partial: time for the first batches only. skipped: for none. failed: the reranker was at fault."""

# How much the last batch counts in the estimate of the next.
_WEIGHT = 0.3
_FORGETTING = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranked:
    """The candidates in their new order; those that were not scored follow in their old one."""

    hits: Sequence[ScoredChunk]
    extent: RerankExtent


class BudgetedReranker:
    """A reranker that is never worth a late answer: whatever keeps it, the candidates stay as they were."""

    def __init__(self, reranker: Reranker, *, candidates: int) -> None:
        self._reranker = reranker
        self._seconds_per_passage = 0.0
        self.candidates = candidates

    @property
    def model(self) -> str:
        return self._reranker.model

    async def rerank(self, question: str, hits: Sequence[ScoredChunk], *, seconds: float) -> Reranked:
        """Takes about `seconds` at most; a question without candidates needs none."""
        reranked = await self._rerank(question, hits, time.perf_counter() + seconds)
        RERANKS_BY[reranked.extent].inc()
        return reranked

    async def _rerank(self, question: str, hits: Sequence[ScoredChunk], deadline: float) -> Reranked:
        wanted = hits[: self.candidates]
        scores: list[float] = []
        failed = False
        while len(scores) < len(wanted) and not failed:
            batch = wanted[len(scores) : len(scores) + self._reranker.batch_size]
            left = deadline - time.perf_counter()
            if left <= self._seconds_per_passage * len(batch):
                # A slow moment is forgotten in time, or it would be the last that is measured.
                self._seconds_per_passage *= _FORGETTING
                break
            try:
                scores += await self._score(question, batch, left)
            except TimeoutError:
                self._learn(left, len(batch))
                break
            except GroundworkError as error:
                log.warning("reranking_failed", reason=str(error))
                failed = True
        return Reranked(hits=_in_order(hits, scores), extent=_extent(len(scores), len(wanted), failed=failed))

    async def _score(self, question: str, batch: Sequence[ScoredChunk], seconds: float) -> list[float]:
        began = time.perf_counter()
        async with asyncio.timeout(seconds):
            scores = await self._reranker.score(question, [hit.chunk.passage for hit in batch])
        self._learn(time.perf_counter() - began, len(batch))
        return scores

    def _learn(self, seconds: float, passages: int) -> None:
        measured = seconds / passages
        known = self._seconds_per_passage or measured
        self._seconds_per_passage = (1 - _WEIGHT) * known + _WEIGHT * measured


def _in_order(hits: Sequence[ScoredChunk], scores: Sequence[float]) -> list[ScoredChunk]:
    scored = [replace(hit, rerank_score=score) for hit, score in zip(hits, scores, strict=False)]
    # Stable: of equal scores the fusion decides.
    return [*sorted(scored, key=lambda hit: -(hit.rerank_score or 0.0)), *hits[len(scores) :]]


def _extent(scored: int, wanted: int, *, failed: bool) -> RerankExtent:
    if scored == wanted:
        return "full"
    if failed:
        return "failed"
    return "partial" if scored else "skipped"
