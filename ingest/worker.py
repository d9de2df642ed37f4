"""Takes documents from the inbox into the collection: the process behind `PUT /v1/documents/{id}`."""

import asyncio
import ctypes
import gc
import os
import random
import signal
import time
import traceback
from collections.abc import Callable

import structlog

from ingest.metrics import DEAD_LETTERS, IN_FLIGHT, RETRIES
from ingest.pipeline import Outcome, Pipeline
from ingest.probes import open_probes
from ingest.publishing import Publisher, open_publisher
from ingest.resources import Models, open_models, open_store
from ingest.settings import Settings
from ingest.sources.base import Unit
from rag.errors import GroundworkError, IndexMismatch, Locked, Unavailable
from rag.inbox.base import Entry, Removal, Upload, Worklist
from rag.inbox.folder import FolderInbox
from rag.inbox.folder_worklist import open_folder_worklist
from rag.types import RawDocument

log = structlog.get_logger()

_WAIT_SECONDS = 0.5
_LOCKED_SECONDS = 1.0
_ENTRIES = 64
_LONGEST_BACKOFF_SECONDS = 300.0

Stopped = Callable[[], bool]


async def work(settings: Settings, *, exit_with_parent: bool) -> None:
    """Works until SIGTERM, or until the process that started it is gone."""
    stopped = _stop_signal(exit_with_parent=exit_with_parent)
    inbox = FolderInbox(settings.inbox_dir)
    async with open_probes(settings.worker_port, inbox):
        with open_folder_worklist(settings.inbox_dir) as worklist:
            log.info("worker_ready", inbox=str(settings.inbox_dir))
            while not stopped():
                if not await worklist.wait(_WAIT_SECONDS):
                    continue
                try:
                    await _work_until_idle(worklist, settings, stopped)
                    _give_memory_back()
                except (Locked, Unavailable) as error:
                    # Locked by a run or another worker, a server that is down: the entries keep.
                    log.warning("worker_waits", reason=str(error))
                    await asyncio.sleep(_LOCKED_SECONDS)


async def _work_until_idle(worklist: Worklist, settings: Settings, stopped: Stopped) -> None:
    """Holds the model for a while after the last work, and the store, which others want to write too, no longer."""
    async with open_models(settings) as models:
        last_work = time.monotonic()
        while not stopped() and time.monotonic() - last_work < settings.worker_idle_seconds:
            if not await worklist.wait(_WAIT_SECONDS):
                continue
            await _Shift(worklist, settings, stopped).work(models)
            last_work = time.monotonic()


class _Shift:
    """From the first entry that is due to the last: for so long the store is held."""

    def __init__(self, worklist: Worklist, settings: Settings, stopped: Stopped) -> None:
        self._worklist = worklist
        self._settings = settings
        self._stopped = stopped
        self._running: dict[asyncio.Task[None], Entry] = {}

    async def work(self, models: Models) -> None:
        async with open_store(self._settings, models) as store, open_publisher(store) as publisher:
            pipeline = Pipeline(store, models.batcher, models.cutters)
            try:
                await self._claim_all(pipeline, publisher)
            finally:
                await self._drain()

    async def _claim_all(self, pipeline: Pipeline, publisher: Publisher) -> None:
        while not self._stopped():
            entry = await self._worklist.claim() if len(self._running) < _ENTRIES else None
            if entry is not None:
                task = asyncio.create_task(self._take(entry, pipeline, publisher))
                self._running[task] = entry
            elif not self._running:
                return
            else:
                done, _ = await asyncio.wait(self._running, timeout=_WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del self._running[task]
                    task.result()

    async def _drain(self) -> None:
        """What is under way may end; what takes too long goes back to the queue as if it had not been claimed."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=self._settings.worker_drain_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for task in late:
            await self._worklist.retry(self._running[task], after=0, counts=False)

    async def _take(self, entry: Entry, pipeline: Pipeline, publisher: Publisher) -> None:
        """Settles an entry only after what it wrote is published."""
        if entry.attempt > self._settings.worker_attempts:
            await self._bury(entry, "It was tried too often: the worker ended each time.", "", fault="program")
            return
        try:
            with IN_FLIGHT.track_inprogress():
                outcome = await _apply(entry.job, pipeline)
                if outcome.changes_collection:
                    await publisher.publish()
        except IndexMismatch:
            await self._worklist.retry(entry, after=_LOCKED_SECONDS, counts=False)
            raise
        except GroundworkError as error:
            await self._fail(entry, error)
            return
        except Exception as error:
            # The one boundary of its kind: an entry that breaks the program must not stop the others.
            log.exception("entry_broke_the_worker", document=entry.job.document_id)
            reason = f"The program failed on it ({type(error).__name__})."
            await self._bury(entry, reason, traceback.format_exc(), fault="program")
            return
        if outcome.reason is not None:
            await self._bury(entry, outcome.reason, outcome.trace, fault="program" if outcome.trace else "document")
        else:
            await self._worklist.settle(entry)
        log.info("entry_settled", document=entry.job.document_id, result=outcome.result, attempt=entry.attempt)

    async def _fail(self, entry: Entry, error: GroundworkError) -> None:
        if not error.retryable or entry.attempt >= self._settings.worker_attempts:
            trace = "".join(traceback.format_exception(error))
            await self._bury(entry, str(error), trace, fault="unavailable" if error.retryable else "program")
            return
        after = random.uniform(0.5, 1) * min(_LONGEST_BACKOFF_SECONDS, 2.0**entry.attempt)
        RETRIES.labels("entry").inc()
        log.warning("entry_retried", document=entry.job.document_id, in_seconds=round(after, 1), reason=str(error))
        await self._worklist.retry(entry, after=after)

    async def _bury(self, entry: Entry, reason: str, trace: str, *, fault: str) -> None:
        DEAD_LETTERS.labels(fault).inc()
        log.warning("entry_given_up", document=entry.job.document_id, reason=reason, attempt=entry.attempt)
        await self._worklist.bury(entry, reason=reason, trace=trace)


async def _apply(job: Upload | Removal, pipeline: Pipeline) -> Outcome:
    if isinstance(job, Removal):
        return await pipeline.remove(job.scope, job.document_id, "")
    raw = RawDocument(
        id=job.document_id,
        uri=job.uri,
        media_type=job.media_type,
        body=job.body,
        title=job.title,
        validator=job.validator,
        metadata=job.metadata,
    )

    async def fetch(_: str) -> RawDocument:
        return raw

    return await pipeline.take_in(job.scope, Unit(id=raw.id, uri=raw.uri, fetch=fetch), {})


def _give_memory_back() -> None:
    """The model is gone by now, but glibc would keep its memory for this process."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _stop_signal(*, exit_with_parent: bool) -> Stopped:
    asked = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, asked.set)
    parent = os.getppid()
    return lambda: asked.is_set() or (exit_with_parent and os.getppid() != parent)
