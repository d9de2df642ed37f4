"""Taking turns with the other processes that write an embedded store."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from rag.errors import Locked

_TURN_SECONDS = 20.0
_TRY_SECONDS = 0.3

T = TypeVar("T")


@asynccontextmanager
async def in_turn(open_it: Callable[[], AbstractAsyncContextManager[T]]) -> AsyncIterator[T]:
    """A worker holds the embedded store while it has work; raises `Locked` where that takes too long."""
    deadline = time.monotonic() + _TURN_SECONDS
    async with AsyncExitStack() as stack:
        while True:
            try:
                opened = await stack.enter_async_context(open_it())
                break
            except Locked:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_TRY_SECONDS)
        yield opened
