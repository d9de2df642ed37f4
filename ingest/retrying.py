"""Retries for what may go by itself: a store that restarts, a server that is full."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina
import structlog
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from ingest.metrics import RETRIES
from rag.errors import GroundworkError

log = structlog.get_logger()

# Long enough for a server to restart.
_SECONDS = 90.0

T = TypeVar("T")


async def patiently(stage: str, call: Callable[[], Awaitable[T]], *, seconds: float = _SECONDS) -> T:
    """Calls until it succeeds, fails for good, or the time is over: from 0.2 up to 10 s apart, with jitter."""

    def may_pass(error: Exception) -> bool:
        if not (isinstance(error, GroundworkError) and error.retryable):
            return False
        RETRIES.labels(stage).inc()
        return True

    caller = stamina.AsyncRetryingCaller(
        attempts=None, timeout=seconds, wait_initial=0.2, wait_max=10.0, wait_jitter=1.0
    )
    return await caller(may_pass, call)


def log_retries() -> None:
    """Replaces stamina's own hook, which would log the arguments: texts of documents."""
    set_on_retry_hooks([_log_retry])


def _log_retry(details: RetryDetails) -> None:
    log.warning("retrying", in_seconds=round(details.wait_for, 1), reason=str(details.caused_by))
