"""Listing that blocks, kept off the event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from itertools import islice
from threading import Thread
from typing import Final, TypeVar

_STEP: Final = 256
T = TypeVar("T")


async def stepped(items: Iterator[T], *, step: int = _STEP) -> AsyncIterator[T]:
    """The same items, taken in a thread and `step` at a time."""
    while batch := await asyncio.to_thread(lambda: list(islice(items, step))):
        for item in batch:
            yield item


async def as_they_come(items: Iterator[T]) -> AsyncIterator[T]:
    """The same items, where the next may never come: the threads that wait do not keep the process from ending."""
    while batch := await _next_of(items):
        yield batch[0]


def _next_of(items: Iterator[T]) -> asyncio.Future[list[T]]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[T]] = loop.create_future()

    def settle(batch: list[T]) -> None:
        if not future.done():
            future.set_result(batch)

    def take() -> None:
        batch = list(islice(items, 1))
        # Nobody waits any more where the loop is closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, batch)

    Thread(target=take, name="standard-input", daemon=True).start()
    return future
