"""Run blocking iterators in threads, so that they do not block the event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from itertools import islice
from threading import Thread
from typing import TypeVar

# Switching threads for each item would cost more than listing it.
_BATCH = 256
T = TypeVar("T")


async def iterate_in_threads(items: Iterator[T], *, batch: int = _BATCH) -> AsyncIterator[T]:
    """Yield the items, `batch` of them per call to a worker thread."""
    while taken := await asyncio.to_thread(lambda: list(islice(items, batch))):
        for item in taken:
            yield item


async def iterate_in_daemon_threads(items: Iterator[T]) -> AsyncIterator[T]:
    """Yield the items one by one; the process can exit while a thread waits for an item that never comes."""
    while taken := await _take_next(items):
        yield taken[0]


def _take_next(items: Iterator[T]) -> asyncio.Future[list[T]]:
    result: Future[list[T]] = Future()

    def take() -> None:
        # Raised if the task that waits was cancelled or the event loop is closed.
        with suppress(InvalidStateError, RuntimeError):
            try:
                result.set_result(list(islice(items, 1)))
            except Exception as error:  # noqa: BLE001 - the task that waits raises it
                result.set_exception(error)

    future = asyncio.wrap_future(result)
    Thread(target=take, name="standard-input", daemon=True).start()
    return future
