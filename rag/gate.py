"""Bounded concurrency with a name: n running, m waiting, then `Overloaded`."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rag.errors import Overloaded
from rag.metrics import GATE_CAPACITY, GATE_DEPTH, GATE_REFUSALS, GATE_WAIT


class Gate:
    """At most `running` calls inside at once and `waiting` more in front; one more raises `Overloaded`."""

    def __init__(self, name: str, *, running: int, waiting: int) -> None:
        self._name = name
        self._capacity = running + waiting
        self._slots = asyncio.Semaphore(running)
        self._depth = 0
        self._depth_gauge = GATE_DEPTH.labels(name)
        self._wait = GATE_WAIT.labels(name)
        self._refusals = GATE_REFUSALS.labels(name)
        self._depth_gauge.set(0)
        GATE_CAPACITY.labels(name).set(self._capacity)

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Holds one place for as long as the block runs."""
        if self._depth >= self._capacity:
            self._refusals.inc()
            raise Overloaded(f"The {self._name} is at its limit of {self._capacity} calls. Try again in a moment.")
        self._set_depth(self._depth + 1)
        arrived = time.perf_counter()
        try:
            async with self._slots:
                self._wait.observe(time.perf_counter() - arrived)
                yield
        finally:
            self._set_depth(self._depth - 1)

    def _set_depth(self, depth: int) -> None:
        self._depth = depth
        self._depth_gauge.set(depth)
