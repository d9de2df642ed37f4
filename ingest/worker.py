"""Takes documents from the inbox into the collection: the process behind `PUT /v1/documents/{id}`."""

import asyncio
import ctypes
import gc
import os
import signal
import time
from collections.abc import AsyncIterator, Callable

import prometheus_client
import structlog

from ingest.pipeline import ingest_documents, publish, remove_document
from ingest.resources import Models, open_models, open_store
from ingest.settings import Settings
from rag.errors import GroundworkError
from rag.inbox.base import Entry, Inbox, Removal, Upload
from rag.inbox.folder import FolderInbox
from rag.store.base import VectorStore
from rag.types import RawDocument

log = structlog.get_logger()

_POLL_SECONDS = 0.1
_RETRY_SECONDS = 1.0
# Entries taken in between two publications: a lone upload is visible at once, a flood does not publish each.
_ENTRIES_PER_PUBLICATION = 64

Stopped = Callable[[], bool]


async def work(settings: Settings, *, exit_with_parent: bool) -> None:
    """Works until SIGTERM, or until the process that started it is gone."""
    inbox = FolderInbox(settings.inbox_dir)
    stopped = _stop_signal(exit_with_parent=exit_with_parent)
    _serve_metrics(settings.worker_port)
    with inbox.only_worker():
        log.info("worker_ready", inbox=str(settings.inbox_dir))
        while not stopped():
            if inbox.is_empty():
                await asyncio.sleep(_POLL_SECONDS)
                continue
            try:
                await _work_until_idle(inbox, settings, stopped)
                _give_memory_back()
            except GroundworkError as error:
                # Locked by a run, a server that is down: the entries keep, and so does their order.
                log.warning("worker_waits", reason=str(error))
                inbox.requeue()
                await asyncio.sleep(_RETRY_SECONDS)


async def _work_until_idle(inbox: FolderInbox, settings: Settings, stopped: Stopped) -> None:
    """Holds the model for a while after the last work, and the store, which others want to write too, no longer."""
    async with open_models(settings) as models:
        last_work = time.monotonic()
        while not stopped() and time.monotonic() - last_work < settings.worker_idle_seconds:
            if inbox.is_empty():
                await asyncio.sleep(_POLL_SECONDS)
                continue
            async with open_store(settings, models) as store:
                while not stopped() and (entries := [entry async for entry in _claim_some(inbox)]):
                    await _take_in(entries, inbox, store, models)
            last_work = time.monotonic()


def _give_memory_back() -> None:
    """The model is gone by now, but glibc would keep its memory for this process."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


async def _claim_some(inbox: Inbox) -> AsyncIterator[Entry]:
    for _ in range(_ENTRIES_PER_PUBLICATION):
        entry = await inbox.claim()
        if entry is None:
            return
        yield entry


async def _take_in(entries: list[Entry], inbox: Inbox, store: VectorStore, models: Models) -> None:
    """Settles entries only after what they wrote is published."""
    reasons = [await _apply(entry.job, store, models) for entry in entries]
    if not all(reasons):
        await publish(store)
    for entry, reason in zip(entries, reasons, strict=True):
        await inbox.settle(entry, rejected=reason)
        log.info("entry_settled", document=entry.job.document_id, kind=type(entry.job).__name__, rejected=bool(reason))


async def _apply(job: Upload | Removal, store: VectorStore, models: Models) -> str | None:
    """Returns the reason where the document is rejected."""
    if isinstance(job, Removal):
        await remove_document(store, job.scope, job.document_id)
        return None
    raw = RawDocument(id=job.document_id, uri=job.uri, media_type=job.media_type, body=job.body)
    [outcome] = [
        outcome async for outcome in ingest_documents(_only(raw), store, models.embedder, models.chunker, job.scope)
    ]
    return outcome.reason


async def _only(raw: RawDocument) -> AsyncIterator[RawDocument]:
    yield raw


def _stop_signal(*, exit_with_parent: bool) -> Stopped:
    asked = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, asked.set)
    parent = os.getppid()
    return lambda: asked.is_set() or (exit_with_parent and os.getppid() != parent)


def _serve_metrics(port: int) -> None:
    if port == 0:
        return
    try:
        prometheus_client.start_http_server(port, addr="127.0.0.1")
    except OSError as error:
        log.warning("worker_metrics_off", port=port, reason=str(error), hint="set RAG_WORKER_PORT")
