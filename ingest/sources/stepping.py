"""Listing that blocks, kept off the event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Final, TypeVar

_STEP: Final = 256
T = TypeVar("T")


async def stepped(items: Iterator[T], *, step: int = _STEP) -> AsyncIterator[T]:
    """The same items, taken in a thread and `step` at a time."""
    while batch := await asyncio.to_thread(lambda: list(islice(items, step))):
        for item in batch:
            yield item
