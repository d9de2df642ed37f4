"""Embeds the passages of many documents together, so that the embedder always has full batches of like length."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ingest.metrics import RETRIES, STAGES, WAITING_PASSAGES
from rag.embedding.base import Embedder
from rag.errors import GroundworkError
from rag.retries import retry
from rag.tracing import semconv
from rag.tracing.spans import Attributes, span
from rag.types import Vector


@dataclass(frozen=True, slots=True, eq=False)
class _Passage:
    text: str
    vector: asyncio.Future[Vector] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Batcher:
    """Passages of whichever document wait in one room; the oldest always goes next, with those nearest in length.

    So a batch is padded little, a long document does not hold up a short one, and nothing waits for a window to fill.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._waiting: dict[_Passage, None] = {}  # In order of arrival.
        self._arrived = asyncio.Condition()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Vectors in the order of the texts; raises what the embedder raises after patient retries."""
        passages = [_Passage(text) for text in texts]
        async with self._arrived:
            self._waiting.update(dict.fromkeys(passages))
            self._arrived.notify_all()
        try:
            model = self._embedder.identity.model
            attributes: Attributes = {
                semconv.OPERATION: semconv.EMBEDDINGS,
                semconv.REQUEST_MODEL: model,
                semconv.EMBEDDED_TEXTS: len(texts),
            }
            # The span lasts until all passages of this document have vectors; the stage "embed" times batches.
            with span(f"{semconv.EMBEDDINGS} {model}", attributes):
                return list(await asyncio.gather(*(passage.vector for passage in passages)))
        finally:
            # Whoever gave up, or failed with one of them, does not want the rest.
            for passage in passages:
                self._waiting.pop(passage, None)

    async def run(self) -> None:
        """Works for ever; one of these for each call that the embedder can use at once."""
        while True:
            async with self._arrived:
                await self._arrived.wait_for(lambda: self._waiting)
                batch = self._take()
            await self._embed(batch)

    def _take(self) -> list[_Passage]:
        oldest = next(iter(self._waiting))
        length = len(oldest.text)
        # Ties go to the older one, so the oldest itself is always among them.
        batch = heapq.nsmallest(
            self._embedder.batch_size, self._waiting, key=lambda passage: abs(len(passage.text) - length)
        )
        for passage in batch:
            del self._waiting[passage]
        WAITING_PASSAGES.set(len(self._waiting))
        return batch

    async def _embed(self, batch: Sequence[_Passage]) -> None:
        texts = [passage.text for passage in batch]
        with STAGES.stage("embed"):
            # Whatever goes wrong belongs to the documents that wait for it, not to this loop.
            [result] = await asyncio.gather(
                retry(RETRIES.labels("embed"), lambda: self._embedder.embed_passages(texts)), return_exceptions=True
            )
        if isinstance(result, BaseException):
            await self._fail(batch, result)
            return
        for passage, vector in zip(batch, result, strict=True):
            if not passage.vector.done():  # Its document may have been given up.
                passage.vector.set_result(vector)

    async def _fail(self, batch: Sequence[_Passage], error: BaseException) -> None:
        may_be_one_of_them = isinstance(error, GroundworkError) and not error.retryable
        if may_be_one_of_them and len(batch) > 1:
            for passage in batch:
                await self._embed([passage])
            return
        for passage in batch:
            if not passage.vector.done():
                passage.vector.set_exception(error)


@asynccontextmanager
async def open_batcher(embedder: Embedder) -> AsyncIterator[Batcher]:
    batcher = Batcher(embedder)
    runs = [asyncio.create_task(batcher.run()) for _ in range(embedder.concurrency)]
    try:
        yield batcher
    finally:
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
