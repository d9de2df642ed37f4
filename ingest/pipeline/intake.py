"""Takes the units of one source in, many at once and never more than there is room for."""

import asyncio
from collections.abc import AsyncIterator, Callable

from ingest.metrics import DOCUMENTS, IN_FLIGHT
from ingest.pipeline.pipeline import Known, Outcome, Pipeline
from ingest.sources.base import Rejection, Unit
from rag.errors import GroundworkError
from rag.types import DocumentId, Scope

# Enough for the embedder to choose passages of like length from, few enough to stand in memory.
_DOCUMENTS = 64
_LOOKED_UP_AT_ONCE = 64


class Intake:
    """One pass over one source."""

    def __init__(self, pipeline: Pipeline, scope: Scope, report: Callable[[Outcome], None], *, remember: bool) -> None:
        """`remember` keeps the ids that were seen, which costs memory for each document."""
        self._pipeline = pipeline
        self._scope = scope
        self._report = report
        self._remember = remember
        self._seen: set[DocumentId] = set()
        self.has_seen_any = False
        self._places = asyncio.Semaphore(_DOCUMENTS)
        self.is_complete = True
        """Whether everything could be listed: only then does what was not seen not exist."""

    def has_seen(self, document_id: DocumentId) -> bool:
        return document_id in self._seen

    async def take_in(self, units: AsyncIterator[Unit | Rejection]) -> None:
        """Raises the error at which the pass must stop, such as a store that stays away."""
        try:
            async with asyncio.TaskGroup() as group:
                async for batch in self._batches(units):
                    known = dict(await self._pipeline.look_up(self._scope, [unit.id for unit in batch]))
                    for unit in batch:
                        await self._places.acquire()
                        group.create_task(self._take_in(unit, known))
        except* GroundworkError as errors:
            raise errors.exceptions[0] from None

    async def _take_in(self, unit: Unit, known: Known) -> None:
        with IN_FLIGHT.track_inprogress():
            try:
                self._report(await self._pipeline.take_in(self._scope, unit, known))
            finally:
                self._places.release()

    async def _batches(self, units: AsyncIterator[Unit | Rejection]) -> AsyncIterator[list[Unit]]:
        """Of different documents each: what is looked up for one of them holds for its first unit only."""
        batch: dict[DocumentId, Unit] = {}
        async for unit in units:
            if isinstance(unit, Rejection):
                self.is_complete = False
                DOCUMENTS.labels("rejected").inc()
                self._report(Outcome(uri=unit.uri, result="rejected", reason=unit.reason))
                continue
            self.has_seen_any = True
            if self._remember:
                self._seen.add(unit.id)
            if unit.id in batch or len(batch) == _LOOKED_UP_AT_ONCE:
                yield list(batch.values())
                batch = {}
            batch[unit.id] = unit
        yield list(batch.values())
