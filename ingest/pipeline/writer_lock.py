"""Waits for the right to write the embedded store, which only one process has at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from rag.errors import Locked

# A worker gives the lock back when its inbox is empty, so a longer wait would rarely help.
_WAIT_SECONDS = 20.0
_RETRY_SECONDS = 0.3

T = TypeVar("T")


@asynccontextmanager
async def wait_for_writer_lock(open_store: Callable[[], AbstractAsyncContextManager[T]]) -> AsyncIterator[T]:
    """Open the store, and try again while another process holds its lock; raises `Locked` after 20 seconds."""
    deadline = time.monotonic() + _WAIT_SECONDS
    async with AsyncExitStack() as stack:
        while True:
            try:
                opened = await stack.enter_async_context(open_store())
                break
            except Locked:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
        yield opened
