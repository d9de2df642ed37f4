"""Measures the lag of the event loop: how late its timers run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from rag.metrics import EVENT_LOOP_LAG

_INTERVAL_SECONDS = 0.1


@asynccontextmanager
async def open_lag_monitor() -> AsyncIterator[None]:
    """Sample the lag of the running event loop while the block runs."""
    task = asyncio.create_task(_sample())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sample() -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _INTERVAL_SECONDS
        await asyncio.sleep(_INTERVAL_SECONDS)
        EVENT_LOOP_LAG.observe(max(0.0, loop.time() - due))
