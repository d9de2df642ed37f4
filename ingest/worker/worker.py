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
from contextlib import suppress

import structlog

from ingest.metrics import DEAD_LETTERS, FRESHNESS, IN_FLIGHT, RETRIES
from ingest.pipeline.pipeline import Outcome, Pipeline
from ingest.pipeline.publishing import Publisher, open_publisher
from ingest.resources import Models, open_models, open_store
from ingest.settings import Settings
from ingest.sources.base import Unit
from ingest.worker.probes import open_probes
from rag.errors import ClaimLost, GroundworkError, IndexMismatch, Locked, Unavailable
from rag.event_loop import open_lag_monitor
from rag.inbox.base import Entry, Removal, Upload, Worklist
from rag.inbox.factory import open_inbox, open_worklist
from rag.inbox.traced import processing
from rag.retries import retry
from rag.tracing import semconv
from rag.tracing.opening import open_tracing
from rag.tracing.spans import annotate, fail, span
from rag.types import RawDocument

log = structlog.get_logger()

_WAIT_SECONDS = 0.5
_LOCKED_SECONDS = 1.0
# Between two looks at a store that another process writes, and at a server that is away.
_LONGEST_TURN_SECONDS = 5.0
_LONGEST_AWAY_SECONDS = 30.0
_ENTRIES = 64
# Of the entries in hand: with so much, no more are claimed.
_MOST_BYTES = 256 << 20
# Shorter than the time after which others take what is not settled.
_SETTLE_SECONDS = 20.0
_LONGEST_BACKOFF_SECONDS = 300.0

Stopped = Callable[[], bool]


async def work(settings: Settings, *, exit_with_parent: bool) -> None:
    """Works until SIGTERM, or until the process that started it is gone."""
    stopped = _stop_signal(exit_with_parent=exit_with_parent)
    root = settings.inbox_dir
    async with (
        open_tracing(settings.tracing, service="groundwork-worker"),
        open_lag_monitor(),
        open_inbox(settings.inbox, root=root) as inbox,
        open_probes(settings.worker_host, settings.worker_port, inbox),
        open_worklist(settings.inbox, root=root) as worklist,
    ):
        log.info("worker_ready", inbox=settings.inbox.kind)
        waits = 0
        while not stopped():
            try:
                if await worklist.wait(_WAIT_SECONDS):
                    await _work_until_idle(worklist, settings, stopped)
                    _give_memory_back()
                waits = 0
            except (Locked, Unavailable) as error:
                # Locked by a run or another worker, a server that is down: the entries keep.
                waits += 1
                longest = _LONGEST_TURN_SECONDS if isinstance(error, Locked) else _LONGEST_AWAY_SECONDS
                seconds = _backoff(waits, longest=longest)
                log.warning("worker_waits", in_seconds=round(seconds, 1), reason=str(error))
                await _pause(seconds, stopped)


def _backoff(number: int, *, longest: float) -> float:
    """Twice as long each time, with jitter: many that wait for the same thing do not come at once."""
    return random.uniform(0.5, 1) * min(longest, 2.0 ** min(number, 16))


async def _pause(seconds: float, stopped: Stopped) -> None:
    deadline = time.monotonic() + seconds
    while not stopped() and (left := deadline - time.monotonic()) > 0:  # noqa: ASYNC110 - a parent's end is no event
        await asyncio.sleep(min(left, _WAIT_SECONDS))


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
            entry = await self._worklist.claim() if self._has_room() else None
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

    def _has_room(self) -> bool:
        held = sum(len(entry.job.document.body) for entry in self._running.values() if isinstance(entry.job, Upload))
        return len(self._running) < _ENTRIES and held < _MOST_BYTES

    async def _drain(self) -> None:
        """What is under way may end; what takes too long goes back to the queue as if it had not been claimed."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=self._settings.worker_drain_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for task in late:
            # Where the inbox is away, or has given them to others, they are not ours to give back.
            with suppress(ClaimLost, Unavailable):
                await self._worklist.retry(self._running[task], after=0, counts=False)

    async def _take(self, entry: Entry, pipeline: Pipeline, publisher: Publisher) -> None:
        try:
            with processing(entry, self._settings.inbox):
                await self._take_claimed(entry, pipeline, publisher)
        except ClaimLost as error:
            log.warning("entry_left_to_others", document=entry.job.document_id, reason=str(error))
        except Unavailable:
            # The inbox could not be told what became of it: it goes back, or waited for ever in this worker's hand.
            with suppress(ClaimLost, Unavailable):
                await self._worklist.retry(entry, after=_LOCKED_SECONDS, counts=False)
            raise

    async def _take_claimed(self, entry: Entry, pipeline: Pipeline, publisher: Publisher) -> None:
        """Settles an entry only after what it wrote is published."""
        if entry.attempt > self._settings.worker_attempts:
            await self._bury(entry, "It was tried too often: the worker ended each time.", "", fault="program")
            return
        try:
            with IN_FLIGHT.track_inprogress():
                outcome = await _apply(entry, pipeline)
                annotate({semconv.RESULT: outcome.result})
                if outcome.changes_collection:
                    with span("publish"):
                        await publisher.publish()
        except ClaimLost:
            raise
        except IndexMismatch:
            await self._worklist.retry(entry, after=_LOCKED_SECONDS, counts=False)
            raise
        except GroundworkError as error:
            fail(error)
            await self._fail(entry, error)
            return
        except Exception as error:
            # The one boundary of its kind: an entry that breaks the program must not stop the others.
            fail(error)
            log.exception("entry_broke_the_worker", document=entry.job.document_id)
            reason = f"The program failed on it ({type(error).__name__})."
            await self._bury(entry, reason, traceback.format_exc(), fault="program")
            return
        if outcome.reason is not None:
            await self._bury(entry, outcome.reason, outcome.trace, fault="program" if outcome.trace else "document")
        else:
            # `order` is when it was put; what is unchanged was searchable all the time.
            if outcome.changes_collection:
                FRESHNESS.observe(max(0.0, time.time() - entry.order / 1e6))
            await retry(RETRIES.labels("entry"), lambda: self._worklist.settle(entry), seconds=_SETTLE_SECONDS)
        log.info("entry_settled", document=entry.job.document_id, result=outcome.result, attempt=entry.attempt)

    async def _fail(self, entry: Entry, error: GroundworkError) -> None:
        if not error.retryable or entry.attempt >= self._settings.worker_attempts:
            trace = "".join(traceback.format_exception(error))
            await self._bury(entry, str(error), trace, fault="unavailable" if error.retryable else "program")
            return
        after = _backoff(entry.attempt, longest=_LONGEST_BACKOFF_SECONDS)
        RETRIES.labels("entry").inc()
        log.warning("entry_retried", document=entry.job.document_id, in_seconds=round(after, 1), reason=str(error))
        await self._worklist.retry(entry, after=after)

    async def _bury(self, entry: Entry, reason: str, trace: str, *, fault: str) -> None:
        DEAD_LETTERS.labels(fault).inc()
        log.warning("entry_given_up", document=entry.job.document_id, reason=reason, attempt=entry.attempt)
        await retry(
            RETRIES.labels("entry"),
            lambda: self._worklist.bury(entry, reason=reason, trace=trace),
            seconds=_SETTLE_SECONDS,
        )


async def _apply(entry: Entry, pipeline: Pipeline) -> Outcome:
    job = entry.job
    if isinstance(job, Removal):
        return await pipeline.remove(job.scope, job.document_id, "", entry)
    document = job.document

    async def fetch(_: str) -> RawDocument:
        return document

    return await pipeline.take_in(job.scope, Unit(id=document.id, uri=document.uri, fetch=fetch), {}, entry)


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
