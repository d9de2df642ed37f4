"""The state of the workers of the service's inbox, on this machine and on others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import structlog

from rag.errors import GroundworkError
from rag.inbox.base import Inbox
from rag.tasks import supervise
from service.metrics import WORKER_STATES

log = structlog.get_logger()

_WATCH_SECONDS = 1.0

WorkerState = Literal["working", "waiting", "starting", "down", "unknown"]
"""The common state of all living workers.

working    at least one of them can ingest
waiting    all of them wait for a part that does not answer or refuses them
starting   the child of this process has not reported yet
down       no worker is running
unknown    the inbox cannot be read
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSummary:
    """The state of the workers, in words for users and for operators."""

    state: WorkerState
    message: str = ""
    """One sentence for the client whose document waits. Empty if it need not wait."""
    detail: str = ""
    """Additional facts for the operator. It may name files and settings."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.state, self.detail or self.message) if part)


class WorkerWatch:
    """The latest known status of the workers."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._child: Literal["none", "starting", "failed"] = "none"
        self._failure = ""
        self.status = WorkerSummary(state="unknown", message="The inbox has not been read yet.")

    def note_start(self) -> None:
        """Note that this process starts a worker."""
        self._child = "starting"

    def note_end(self, reason: str) -> None:
        """Note that the worker of this process ended. The reason stays until the next one reports."""
        self._child, self._failure = "failed", reason

    async def refresh(self) -> None:
        before, self.status = self.status, await self._read()
        for state, gauge in WORKER_STATES.items():
            gauge.set(state == self.status.state)
        if self.status.state != before.state:
            reason = self.status.detail or self.status.message
            log.info("worker_state", state=self.status.state, **({"reason": reason} if reason else {}))

    async def run(self) -> None:
        """Refresh for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(_WATCH_SECONDS)

    async def _read(self) -> WorkerSummary:
        # Read before the inbox: a worker that ends meanwhile may still be among the reports.
        has_failed = self._child == "failed"
        try:
            reports = await self._inbox.workers()
        except GroundworkError as error:
            return WorkerSummary(state="unknown", message="It is not known whether a worker runs.", detail=str(error))
        reasons = [report.waiting_for for report in reports]
        if reasons:
            # If the child ended and reports again, it has recovered.
            self._child = "starting" if has_failed else self._child
            if all(reasons):
                return WorkerSummary(state="waiting", message=f"The worker waits. {reasons[0]}")
            return WorkerSummary(state="working")
        if self._child == "starting":
            return WorkerSummary(state="starting", message="The worker is starting.")
        return WorkerSummary(state="down", message="No worker is running.", detail=self._failure)


@asynccontextmanager
async def open_worker_watch(inbox: Inbox) -> AsyncIterator[WorkerWatch]:
    """Watch the workers of the inbox while the block runs."""
    watch = WorkerWatch(inbox)
    async with supervise("worker_watch", watch.run(), essential=False):
        yield watch
