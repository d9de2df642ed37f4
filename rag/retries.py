"""Retries of calls that may succeed later: a store that restarts, a server that is overloaded."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina
import structlog
from prometheus_client import Counter
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from rag.errors import GroundworkError, Overloaded

log = structlog.get_logger()

# Long enough for a server to restart.
_SECONDS = 90.0
# Short enough that work continues soon after the server is back.
_MAX_WAIT_SECONDS = 5.0
# A server that limits the rate of calls knows when its period ends, and earlier calls would be refused too.
_MAX_ASKED_SECONDS = 60.0

T = TypeVar("T")

_retried: dict[object, Exception] = {}
"""The latest error of each call that is being retried now."""


async def retry(counter: Counter, call: Callable[[], Awaitable[T]], *, seconds: float = _SECONDS) -> T:
    """Call until it succeeds, fails for good, or `seconds` have passed; `counter` counts the retries."""
    this_call = object()

    def is_retried(error: Exception) -> bool | float:
        if not isinstance(error, GroundworkError) or not error.retryable:
            return False
        counter.inc()
        _retried[this_call] = error
        # As long as the server asks for, but a restarted server must not be idle for long.
        longest = _MAX_ASKED_SECONDS if isinstance(error, Overloaded) else _MAX_WAIT_SECONDS
        return min(error.retry_after, longest) if error.retry_after else True

    caller = stamina.AsyncRetryingCaller(
        attempts=None, timeout=seconds, wait_initial=0.2, wait_max=_MAX_WAIT_SECONDS, wait_jitter=1.0
    )
    try:
        return await caller(is_retried, call)
    finally:
        _retried.pop(this_call, None)


def retried_error() -> Exception | None:
    """Return the latest error of a call that is being retried now, or None."""
    return next(reversed(_retried.values()), None)


def is_retryable(error: Exception) -> bool:
    """Return True if the same call may succeed later."""
    return isinstance(error, GroundworkError) and error.retryable


def log_retries() -> None:
    """Log each retry. This replaces stamina's own hook, which logs arguments: they hold questions and texts."""
    set_on_retry_hooks([_log_retry])


def _log_retry(details: RetryDetails) -> None:
    error = details.caused_by
    log.warning(
        "retrying",
        in_seconds=round(details.wait_for, 1),
        reason=str(error),
        upstream=getattr(error, "upstream", "") or None,
    )
