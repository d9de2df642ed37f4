"""Ingests the entries of the inbox: the process behind `PUT /v1/documents/{id}`."""

import asyncio
import ctypes
import gc
import os
import signal
import time
from collections.abc import Callable

import structlog

from ingest.resources import open_models, open_store
from ingest.settings import Settings
from ingest.worker.probes import open_probes
from ingest.worker.session import Session, backoff_seconds
from ingest.worker.status import WorkerStatus
from rag.errors import GroundworkError, Unavailable
from rag.event_loop import open_lag_monitor
from rag.inbox.base import Worklist
from rag.inbox.factory import open_inbox, open_worklist
from rag.program import end_soon
from rag.store.factory import build_backend
from rag.tasks import depend_on
from rag.tracing.spans import open_tracing

log = structlog.get_logger()

_POLL_SECONDS = 0.5
# Long enough that pauses between uploads do not reload the model, which takes seconds.
_IDLE_SECONDS = 10.0
# Another process usually holds the lock for seconds, and a renewed key works at once. A short limit keeps documents
# fresh then.
_MAX_WAIT_SECONDS = 5.0
# A server that restarts needs longer, and many workers that ask often would delay its start.
_MAX_UNAVAILABLE_SECONDS = 30.0
# A server may ask for more time than that, and a limit keeps a wrong answer from stopping the worker.
_MAX_ASKED_SECONDS = 300.0

StopRequested = Callable[[], bool]


async def work(settings: Settings, *, exit_with_parent: bool) -> None:
    """Ingest entries until SIGTERM or SIGINT, or until the parent process ends if `exit_with_parent` is set."""
    stop_requested = _watch_signals(exit_with_parent=exit_with_parent)
    root = settings.inbox_dir
    status = WorkerStatus()
    async with (
        open_tracing(settings.tracing, service="groundwork-worker"),
        open_lag_monitor(),
        open_inbox(settings.inbox, root=root) as inbox,
        open_probes(settings.worker_host, settings.worker_port, inbox),
        open_worklist(settings.inbox, root=root) as worklist,
        depend_on("worker_report", status.report_to(worklist)),
    ):
        log.info("worker_ready", inbox=settings.inbox.kind)
        failures, has_collection = 0, False
        while not stop_requested():
            try:
                if not has_collection:
                    await _create_collection(settings)
                    has_collection = True
                if await worklist.wait(_POLL_SECONDS):
                    await _work_until_idle(worklist, settings, status, stop_requested)
                    _return_memory()
                failures = 0
                status.works()
            except GroundworkError as error:
                failures += 1
                longest = _MAX_UNAVAILABLE_SECONDS if isinstance(error, Unavailable) else _MAX_WAIT_SECONDS
                seconds = max(
                    backoff_seconds(failures, longest=longest), min(error.retry_after or 0, _MAX_ASKED_SECONDS)
                )
                status.waits(error)
                log.warning(
                    "worker_waits",
                    in_seconds=round(seconds, 1),
                    reason=str(error),
                    upstream=error.upstream or None,
                )
                await _sleep(seconds, stop_requested)


async def _create_collection(settings: Settings) -> None:
    """Create the collection on a Qdrant server. Services create nothing, and are not ready without a collection."""
    is_server = settings.store.kind == "server"
    if is_server and await build_backend(settings.store, root=settings.store_dir).origin() is None:
        async with open_models(settings) as models, open_store(settings, models):
            log.info("collection_created", collection=settings.store.collection)


async def _work_until_idle(
    worklist: Worklist, settings: Settings, status: WorkerStatus, stop_requested: StopRequested
) -> None:
    """Hold the models until the inbox has been empty for a while, but the store only while there is work.

    The lock of the embedded store must not be held longer, because other processes write it too.
    """
    async with open_models(settings) as models:
        last_work = time.monotonic()
        while not stop_requested() and time.monotonic() - last_work < _IDLE_SECONDS:
            if not await worklist.wait(_POLL_SECONDS):
                continue
            async with open_store(settings, models) as store:
                await Session(worklist, settings, status, stop_requested).work(store, models)
            last_work = time.monotonic()


async def _sleep(seconds: float, stop_requested: StopRequested) -> None:
    deadline = time.monotonic() + seconds
    while not stop_requested() and (left := deadline - time.monotonic()) > 0:  # noqa: ASYNC110 - a parent's end sets no event
        await asyncio.sleep(min(left, _POLL_SECONDS))


def _return_memory() -> None:
    """Return the memory of the closed model to the operating system; glibc would keep it for this process."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _watch_signals(*, exit_with_parent: bool) -> StopRequested:
    requested, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupt() -> None:
        requested.set()
        end_soon("ingest: interrupted. Unfinished documents return to the inbox.")

    loop.add_signal_handler(signal.SIGTERM, requested.set)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    parent = os.getppid()
    return lambda: requested.is_set() or (exit_with_parent and os.getppid() != parent)
