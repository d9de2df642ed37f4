"""Embeds the passages of many documents in shared batches, so that batches are full and need little padding."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from ingest.metrics import RETRIES, STAGES, WAITING_PASSAGES
from rag.embedding.base import Embedder
from rag.errors import AccessRefused, BadResponse, GroundworkError, InvalidInput, RequestRejected
from rag.retries import retry
from rag.tasks import depend_on
from rag.tracing import semconv
from rag.tracing.spans import Attributes, span
from rag.types import Vector

# Every embedder accepts this text. If it is refused too, the embedder is at fault and not a document.
_HARMLESS = "A short sentence."


@dataclass(frozen=True, slots=True, eq=False)
class _Passage:
    text: str
    vector: asyncio.Future[Vector] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Batcher:
    """Builds each batch from the oldest waiting passage and those that are nearest to it in length.

    Batches need little padding, a long document does not delay a short one, and no passage waits for a full batch.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._waiting: dict[_Passage, None] = {}  # A dict, because it keeps the order of arrival.
        self._arrived = asyncio.Condition()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return the vectors in the order of the texts; raises the embedder's error after the last retry.

        Raises `InvalidInput` if the embedder refuses one of these texts and accepts another one.
        """
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
            # After a failure or a cancellation the document's other passages must not be embedded.
            for passage in passages:
                self._waiting.pop(passage, None)

    async def run(self) -> None:
        """Embed batches until cancelled. Start one of these tasks per concurrent call of the embedder."""
        while True:
            async with self._arrived:
                await self._arrived.wait_for(lambda: self._waiting)
                batch = self._take_batch()
            await self._embed(batch)

    def _take_batch(self) -> list[_Passage]:
        oldest = next(iter(self._waiting))
        length = len(oldest.text)
        # `nsmallest` prefers the earlier of two equal items, so the oldest passage is always in the batch.
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
            # An error is raised in the documents that wait for these vectors, because this loop must go on.
            [result] = await asyncio.gather(
                retry(RETRIES.labels("embed"), lambda: self._embedder.embed_passages(texts)), return_exceptions=True
            )
        if isinstance(result, BaseException):
            await self._fail(batch, result)
            return
        for passage, vector in zip(batch, result, strict=True):
            if not passage.vector.done():  # The document may have been cancelled meanwhile.
                passage.vector.set_result(vector)

    async def _fail(self, batch: Sequence[_Passage], error: BaseException) -> None:
        """Embed each passage alone if one of them may have caused the error, else fail all of them."""
        if isinstance(error, BadResponse) and not isinstance(error, AccessRefused) and await self._accepts(_HARMLESS):
            if len(batch) > 1:
                for passage in batch:
                    await self._embed([passage])
                return
            error = InvalidInput(f"The embedder does not accept a passage of the document. {error}")
        elif isinstance(error, RequestRejected):
            # It rejects every text, so no other document would be accepted either.
            error = BadResponse(str(error), upstream=error.upstream)
        for passage in batch:
            if not passage.vector.done():
                passage.vector.set_exception(error)

    async def _accepts(self, text: str) -> bool:
        try:
            await self._embedder.embed_passages([text])
        except GroundworkError:
            return False
        return True


@asynccontextmanager
async def open_batcher(embedder: Embedder) -> AsyncIterator[Batcher]:
    batcher = Batcher(embedder)
    async with AsyncExitStack() as stack:
        for _ in range(embedder.concurrency):
            await stack.enter_async_context(depend_on("batcher", batcher.run()))
        yield batcher
