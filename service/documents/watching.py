"""Requests that wait until the inbox has another state of a document.

One task asks the inbox for all of them, so a thousand waiting requests cost as much as one.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from rag.gate import Gate
from rag.inbox.base import Inbox, Progress
from rag.tasks import supervise
from rag.types import DocumentId, Scope
from service.documents.state import read_entries
from service.metrics import INFLIGHT

# A person does not notice the delay, and the inbox answers thousands of such calls in a second.
_INTERVAL_SECONDS = 0.25
# Each waiting request holds a connection.
MAX_WAITING = 1000


@dataclass(eq=False, slots=True)
class _Waiting:
    scope: Scope
    entry: Progress
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class InboxWatch:
    """The waiting requests of this process."""

    def __init__(self, inbox: Inbox, stopping: asyncio.Event, *, max_waiting: int = MAX_WAITING) -> None:
        self._inbox = inbox
        self._stopping = stopping
        self._gate = Gate("document_waits", running=max_waiting, waiting=0)
        self._waiting: set[_Waiting] = set()
        self._is_needed = asyncio.Event()

    async def wait(self, scope: Scope, entry: Progress, seconds: float) -> None:
        """Return when the document has another entry or none, when the time is over, or when this process stops.

        Raises `Overloaded` if too many requests wait already.
        """
        async with self._gate.enter():
            waiting = _Waiting(scope, entry)
            self._waiting.add(waiting)
            self._is_needed.set()
            # The service is scaled by its requests in flight, and a waiting request adds no load.
            INFLIGHT.dec()
            try:
                with suppress(TimeoutError):
                    await asyncio.wait_for(waiting.changed.wait(), seconds)
            finally:
                INFLIGHT.inc()
                self._waiting.discard(waiting)

    async def follow(self) -> None:
        """Compare the awaited entries with the inbox for ever, while requests wait."""
        while True:
            if not self._waiting:
                self._is_needed.clear()
                await self._is_needed.wait()
            await asyncio.sleep(_INTERVAL_SECONDS)
            if self._stopping.is_set():
                for waiting in self._waiting:
                    waiting.changed.set()
            else:
                await self._compare()

    async def _compare(self) -> None:
        by_scope: dict[Scope, list[_Waiting]] = defaultdict(list)
        for waiting in self._waiting:
            by_scope[waiting.scope].append(waiting)
        for scope, some in by_scope.items():
            entries = await read_entries(self._inbox, scope, {waiting.entry.document_id for waiting in some})
            if entries is None:
                continue
            current: dict[DocumentId, Progress] = {entry.document_id: entry for entry in entries}
            for waiting in some:
                if current.get(waiting.entry.document_id) != waiting.entry:
                    waiting.changed.set()


@asynccontextmanager
async def open_inbox_watch(inbox: Inbox, stopping: asyncio.Event) -> AsyncIterator[InboxWatch]:
    watch = InboxWatch(inbox, stopping)
    async with supervise("inbox_watch", watch.follow(), essential=False):
        yield watch
