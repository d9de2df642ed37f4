"""Traces both ends of the queue. An entry carries the span that enqueued it, and its processing links to that span.

It is a link and not a parent, because an entry may be processed much later and more than once.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from opentelemetry.trace import SpanKind

from rag.inbox.base import Entry, Inbox, InboxStatistics, Progress, Removal, Upload, WorkerReport
from rag.settings import InboxSettings, RedisInboxSettings
from rag.tracing import semconv
from rag.tracing.spans import Attributes, keeps_content, links_to, root, span, traceparent
from rag.types import DocumentId, Scope


class TracedInbox:
    """The wrapped inbox, whose entries carry the current span."""

    def __init__(self, inbox: Inbox, settings: InboxSettings) -> None:
        self._inbox = inbox
        self._settings = settings

    async def put(self, job: Upload | Removal, *, expected: int | None = None) -> None:
        attributes = _describe(self._settings, job, "send")
        with span(f"send {_destination(self._settings)}", attributes, kind=SpanKind.PRODUCER):
            await self._inbox.put(replace(job, traceparent=traceparent()), expected=expected)

    async def progress(self, scope: Scope, document_ids: Collection[DocumentId] | None = None) -> list[Progress]:
        return await self._inbox.progress(scope, document_ids)

    async def statistics(self) -> InboxStatistics:
        return await self._inbox.statistics()

    async def workers(self) -> list[WorkerReport]:
        return await self._inbox.workers()


@contextmanager
def processing(entry: Entry, settings: InboxSettings) -> Iterator[None]:
    """Trace the processing of a claimed entry as a new trace."""
    attributes = {**_describe(settings, entry.job, "process"), semconv.ATTEMPT: entry.attempt}
    links = links_to(entry.job.traceparent)
    with root(f"process {_destination(settings)}", attributes, kind=SpanKind.CONSUMER, links=links):
        yield


def _describe(settings: InboxSettings, job: Upload | Removal, operation: str) -> Attributes:
    size = {semconv.MESSAGING_BODY_SIZE: len(job.document.body)} if isinstance(job, Upload) else {}
    return {
        semconv.MESSAGING_SYSTEM: settings.kind,
        semconv.MESSAGING_DESTINATION: _destination(settings),
        semconv.MESSAGING_OPERATION: operation,
        semconv.MESSAGING_TYPE: operation,
        semconv.TENANT: job.scope.tenant,
        semconv.DOCUMENT: job.document_id if keeps_content() else job.short_key,
        **size,
    }


def _destination(settings: InboxSettings) -> str:
    """Return the name of the queue; for Redis, the key of the stream."""
    return f"{{{settings.prefix}}}:inbox" if isinstance(settings, RedisInboxSettings) else "inbox"
