"""Listing that blocks, kept off the event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, InvalidStateError
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
    taken: Future[list[T]] = Future()

    def take() -> None:
        # Nobody waits any more where it was cancelled, or the loop is closed.
        with suppress(InvalidStateError, RuntimeError):
            try:
                taken.set_result(list(islice(items, 1)))
            except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits for the item wants to know
                taken.set_exception(error)

    future = asyncio.wrap_future(taken)
    Thread(target=take, name="standard-input", daemon=True).start()
    return future
