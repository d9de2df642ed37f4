"""Ingests the units of one source, many at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable

from ingest.metrics import DOCUMENTS, IN_FLIGHT
from ingest.pipeline.pipeline import Pipeline
from ingest.pipeline.preparation import IngestResult, StoredDocuments
from ingest.pipeline.pruning import ListedDocuments
from ingest.sources.base import Rejection, Unit
from rag.tasks import open_task_group
from rag.types import DocumentId, Scope

# Enough for the embedder to find passages of equal length, few enough to hold all of them in memory.
_CONCURRENT_DOCUMENTS = 64
_LOOK_UP_BATCH = 64


class SourcePass:
    """One pass over one source."""

    def __init__(
        self, pipeline: Pipeline, scope: Scope, report: Callable[[IngestResult], None], *, remember: bool
    ) -> None:
        """`remember` keeps the ID of each listed document, which costs memory per document."""
        self._pipeline = pipeline
        self._scope = scope
        self._report = report
        self.listed = ListedDocuments(remember=remember)
        self._places = asyncio.Semaphore(_CONCURRENT_DOCUMENTS)
        self.is_empty = True
        """True if the source has listed nothing, not even an entry that was rejected."""

    async def ingest(self, units: AsyncIterator[Unit | Rejection]) -> None:
        """Ingest all units; raises the first error that does not belong to one document, such as a lost store."""
        async with open_task_group() as group:
            async for batch in self._batches(units):
                stored = dict(await self._pipeline.look_up(self._scope, [unit.id for unit in batch]))
                for unit in batch:
                    await self._places.acquire()
                    group.create_task(self._ingest(unit, stored))

    async def _ingest(self, unit: Unit, stored: StoredDocuments) -> None:
        with IN_FLIGHT.track_inprogress():
            try:
                result = await self._pipeline.ingest(self._scope, unit, stored)
                if result.is_gone:
                    self.listed.note_gone(unit.id)
                self._report(result)
            finally:
                self._places.release()

    async def _batches(self, units: AsyncIterator[Unit | Rejection]) -> AsyncIterator[list[Unit]]:
        """Yield batches of different documents, because a look-up is valid only for a document's first unit."""
        batch: dict[DocumentId, Unit] = {}
        async for unit in units:
            self.is_empty = False
            if isinstance(unit, Rejection):
                DOCUMENTS.labels("rejected").inc()
                self._report(IngestResult(uri=unit.uri, status="rejected", reason=unit.reason))
                continue
            self.listed.add(unit.id)
            if unit.id in batch or len(batch) == _LOOK_UP_BATCH:
                yield list(batch.values())
                batch = {}
            batch[unit.id] = unit
        yield list(batch.values())
