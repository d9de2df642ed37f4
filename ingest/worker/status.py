"""The reason why the worker waits, for its metrics and for its report to the service through the inbox."""

import asyncio
from contextlib import suppress

from ingest.metrics import CAUSES, WAITING
from rag.errors import GroundworkError, Locked
from rag.inbox.base import REPORT_SECONDS, WorkerReport, Worklist
from rag.retries import retried_error


class WorkerStatus:
    """The error that keeps the worker from ingesting, if there is one."""

    def __init__(self) -> None:
        self._error: GroundworkError | None = None

    @property
    def is_waiting(self) -> bool:
        """Return whether a part of the installation fails now, also while its calls are still retried."""
        return self._error is not None or retried_error() is not None

    def works(self) -> None:
        """Note that the worker can ingest."""
        self._set(None)

    def waits(self, error: GroundworkError) -> None:
        """Note why the worker cannot ingest."""
        self._set(error)

    async def report_to(self, worklist: Worklist) -> None:
        """Report for ever. The worker's own calls of the inbox log it if the inbox cannot be reached."""
        while True:
            with suppress(GroundworkError):
                error = self._error or retried_error()
                _show(error)
                await worklist.report(WorkerReport(waiting_for=_sentence_for(error)))
            await asyncio.sleep(REPORT_SECONDS)

    def _set(self, error: GroundworkError | None) -> None:
        self._error = error
        _show(error)


def _show(error: Exception | None) -> None:
    """Set the metric of this kind of error, and reset the metrics of all other kinds."""
    cause = None
    if error is not None:
        cause = error.code if isinstance(error, GroundworkError) and error.code in CAUSES else "unavailable"
    for name in CAUSES:
        WAITING.labels(name).set(name == cause)


def _sentence_for(error: Exception | None) -> str:
    match error:
        case None:
            return ""
        case Locked():  # Its text tells an operator what to do instead, and this sentence is for clients.
            return "Another process is writing to the collection."
        case _:
            return str(error)
