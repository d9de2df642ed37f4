"""Bounded concurrency with a name: n running, m waiting, then `Overloaded`."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Gauge, Histogram

from rag.errors import Overloaded

GATE_DEPTH = Gauge("rag_gate_depth", "Calls inside or waiting at a gate.", ["gate"])
GATE_WAIT = Histogram(
    "rag_gate_wait_seconds",
    "Time a call waited at a gate before it ran.",
    ["gate"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


class Gate:
    """At most `running` calls inside at once and `waiting` more in front; one more raises `Overloaded`."""

    def __init__(self, name: str, *, running: int, waiting: int) -> None:
        self._name = name
        self._capacity = running + waiting
        self._slots = asyncio.Semaphore(running)
        self._depth = 0
        self._depth_gauge = GATE_DEPTH.labels(name)
        self._wait = GATE_WAIT.labels(name)
        self._depth_gauge.set(0)

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Holds one place for as long as the block runs."""
        if self._depth >= self._capacity:
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
