"""Retries for what may go by itself: a store that restarts, a server that is full."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from ingest.metrics import RETRIES
from rag.retries import may_pass

# Long enough for a server to restart.
_SECONDS = 90.0

T = TypeVar("T")


async def retry(stage: str, call: Callable[[], Awaitable[T]], *, seconds: float = _SECONDS) -> T:
    """Calls until it succeeds, fails for good, or the time is over: from 0.2 up to 10 s apart, with jitter."""

    def counted(error: Exception) -> bool:
        if not may_pass(error):
            return False
        RETRIES.labels(stage).inc()
        return True

    caller = stamina.AsyncRetryingCaller(
        attempts=None, timeout=seconds, wait_initial=0.2, wait_max=10.0, wait_jitter=1.0
    )
    return await caller(counted, call)
