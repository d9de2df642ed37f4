"""The lag of the event loop: how late its timers run."""

import asyncio
from contextlib import AbstractAsyncContextManager

from rag.metrics import EVENT_LOOP_LAG
from rag.tasks import supervise

_INTERVAL_SECONDS = 0.1


def open_lag_monitor() -> AbstractAsyncContextManager[object]:
    """Sample the lag of the running event loop while the block runs."""
    return supervise("event_loop_lag", _sample(), essential=False)


async def _sample() -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _INTERVAL_SECONDS
        await asyncio.sleep(_INTERVAL_SECONDS)
        EVENT_LOOP_LAG.observe(max(0.0, loop.time() - due))
