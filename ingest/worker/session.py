"""The work between opening the store and an empty inbox: claims entries, ingests them and acknowledges them."""

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from ingest.metrics import DEAD_LETTERS, FRESHNESS, IN_FLIGHT, REJECTED_REQUESTS, RETRIES
from ingest.pipeline.pipeline import Pipeline
from ingest.pipeline.preparation import IngestResult
from ingest.pipeline.publishing import Publisher, open_publisher
from ingest.resources import Models
from ingest.settings import Settings
from ingest.sources.base import Unit
from ingest.worker.status import WorkerStatus
from rag.errors import ClaimLost, GroundworkError, InvalidInput
from rag.inbox.base import Entry, Removal, Upload, Worklist
from rag.inbox.traced import processing
from rag.retries import retry
from rag.store.base import VectorStore
from rag.tracing import semconv
from rag.tracing.spans import annotate, fail, span
from rag.types import RawDocument

log = structlog.get_logger()

_POLL_SECONDS = 0.5
# Pause of an entry for which the store or the embedder failed, although other entries succeeded meanwhile.
_SETBACK_SECONDS = 60.0
_MAX_ENTRIES = 64
# Bounds the memory for bodies: no entry is claimed while the claimed ones have this many bytes.
_MAX_BYTES = 256 << 20
_EMPTY = "The document contains no text."
# Shorter than a lease (RAG_INBOX__CLAIM_SECONDS), after which another worker would ingest the entry again.
ACKNOWLEDGE_SECONDS = 20.0


class Session:
    """Processes due entries concurrently until none is left."""

    def __init__(
        self, worklist: Worklist, settings: Settings, status: WorkerStatus, stop_requested: Callable[[], bool]
    ) -> None:
        self._worklist = worklist
        self._settings = settings
        self._status = status
        self._stop_requested = stop_requested
        self._running: dict[asyncio.Task[None], Entry] = {}
        self._last_success = 0.0

    async def work(self, store: VectorStore, models: Models) -> None:
        """Return when no entry is due, or when a stop was requested and the entries in progress are finished.

        Raises the error of the store, the embedder or the inbox if no entry can be ingested because of it.
        """
        async with open_publisher(store) as publisher:
            pipeline = Pipeline(store, models.batcher, models.parsers)
            try:
                await self._claim_all(pipeline, publisher)
            finally:
                await self._drain()

    async def _claim_all(self, pipeline: Pipeline, publisher: Publisher) -> None:
        while not self._stop_requested():
            entry = await self._worklist.claim() if self._has_room() else None
            if entry is not None:
                task = asyncio.create_task(self._process(entry, pipeline, publisher))
                self._running[task] = entry
            elif not self._running:
                return
            else:
                done, _ = await asyncio.wait(self._running, timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del self._running[task]
                    task.result()

    def _has_room(self) -> bool:
        claimed = sum(len(entry.job.document.body) for entry in self._running.values() if isinstance(entry.job, Upload))
        # While a part fails, one entry is enough to see whether it works again. The others stay in the queue.
        most = 1 if self._status.is_waiting else _MAX_ENTRIES
        return len(self._running) < most and claimed < _MAX_BYTES

    async def _drain(self) -> None:
        """Finish the entries in progress, and return those to the inbox that take longer than the drain time."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=self._settings.worker_drain_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        # At once, because each call of an inbox that does not answer lasts as long as its time limit.
        await asyncio.gather(*(self._return(self._running[task], after=0) for task in late))

    async def _process(self, entry: Entry, pipeline: Pipeline, publisher: Publisher) -> None:
        began = time.monotonic()
        try:
            with processing(entry, self._settings.inbox):
                await self._ingest_and_acknowledge(entry, pipeline, publisher)
        except ClaimLost as error:
            log.warning("entry_claim_lost", document=entry.job.short_key, reason=str(error))
        except GroundworkError as error:
            # A part of the installation failed, which is never the document's fault, so the attempt does not count.
            RETRIES.labels("entry").inc()
            if error.fault != "program" and began > self._last_success:
                await self._return(entry, after=0)
                raise
            if error.fault == "program":
                REJECTED_REQUESTS.inc()
                log.error("request_rejected", document=entry.job.short_key, reason=str(error), upstream=error.upstream)
            log.warning("entry_set_back", document=entry.job.short_key, reason=str(error), upstream=error.upstream)
            await self._return(entry, after=_SETBACK_SECONDS)

    async def _ingest_and_acknowledge(self, entry: Entry, pipeline: Pipeline, publisher: Publisher) -> None:
        """Acknowledge the entry only after its document is published, or move it to the empty or dead entries.

        An entry becomes a dead letter if its document is at fault, or if it triggers a bug of this program or the
        worker ended during each attempt. Raises every other error.
        """
        if entry.attempt > self._settings.worker_attempts:
            reason = f"The worker ended during each of {self._settings.worker_attempts} attempts (RAG_WORKER_ATTEMPTS)."
            await self._dead_letter(entry, reason, "", fault="program")
            return
        try:
            with IN_FLIGHT.track_inprogress():
                result = await self._ingest(entry, pipeline, publisher)
        except ClaimLost:
            raise
        except InvalidInput as error:
            fail(error)
            await self._dead_letter(entry, str(error), "", fault="document")
            return
        except GroundworkError as error:
            fail(error)
            raise
        except Exception as error:  # A bug that one entry triggers must not stop the others.
            fail(error)
            REJECTED_REQUESTS.inc()
            log.exception("entry_failed_unexpectedly", document=entry.job.short_key)
            if entry.attempt < self._settings.worker_attempts:
                # It may be the state of another part that triggers the bug, and not the document.
                await self._return(entry, after=_SETBACK_SECONDS, counts=True)
                return
            reason = f"The worker has a bug that this document triggers ({type(error).__name__})."
            await self._dead_letter(entry, reason, traceback.format_exc(), fault="program")
            return
        if result.reason is not None:
            fault = "program" if result.trace else "document"
            await self._dead_letter(entry, result.reason, result.trace, fault=fault)
        elif result.status == "empty":
            await _retry(lambda: self._worklist.set_aside(entry, reason=_EMPTY))
        else:
            # An unchanged document was searchable before. `order` is the time of arrival in microseconds.
            if result.changes_collection:
                FRESHNESS.observe(max(0.0, time.time() - entry.order / 1e6))
            await _retry(lambda: self._worklist.acknowledge(entry))
            if result.status in {"new", "changed"}:  # Other results do not need the embedder.
                self._last_success = time.monotonic()
                self._status.works()
        # The messages of warnings may quote the document.
        codes = sorted({warning.code for warning in result.warnings}) or None
        log.info(
            "entry_processed",
            document=entry.job.short_key,
            result=result.status,
            attempt=entry.attempt,
            warnings=codes,
        )

    async def _ingest(self, entry: Entry, pipeline: Pipeline, publisher: Publisher) -> IngestResult:
        result = await _apply(entry, pipeline)
        annotate({semconv.RESULT: result.status})
        if result.changes_collection:
            with span("publish"):
                await publisher.publish()
        return result

    async def _dead_letter(self, entry: Entry, reason: str, trace: str, *, fault: str) -> None:
        DEAD_LETTERS.labels(fault).inc()
        log.warning("entry_dead_lettered", document=entry.job.short_key, reason=reason, attempt=entry.attempt)
        await _retry(lambda: self._worklist.dead_letter(entry, reason=reason, trace=trace))

    async def _return(self, entry: Entry, *, after: float, counts: bool = False) -> None:
        """Return an entry to the inbox, by default without counting the attempt."""
        # If the inbox is unavailable, the lease expires. If the claim is lost, another worker has the entry already.
        with suppress(GroundworkError):
            await self._worklist.retry(entry, after=after, counts=counts)


def backoff_seconds(attempt: int, *, longest: float) -> float:
    """Return 2^attempt seconds, at most `longest`, with jitter: many workers must not try again at the same moment."""
    return random.uniform(0.5, 1) * min(longest, 2.0 ** min(attempt, 16))


async def _retry(call: Callable[[], Awaitable[None]]) -> None:
    await retry(RETRIES.labels("entry"), call, seconds=ACKNOWLEDGE_SECONDS)


async def _apply(entry: Entry, pipeline: Pipeline) -> IngestResult:
    job = entry.job
    if isinstance(job, Removal):
        return await pipeline.remove(job.scope, job.document_id, "", entry)
    document = job.document

    async def fetch(_: str) -> RawDocument:
        return document

    return await pipeline.ingest(job.scope, Unit(id=document.id, uri=document.uri, fetch=fetch), {}, entry)
