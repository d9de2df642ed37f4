"""Bounded concurrency with a name: n running, m waiting, then `Overloaded`."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from rag.errors import Overloaded
from rag.metrics import GATE_CAPACITY, GATE_DEPTH, GATE_REFUSALS, GATE_WAIT

# How much the last call counts in the estimate of how long one takes.
_WEIGHT = 0.1
# So many may always wait: a burst of questions is no overload, however slow the machine is just now.
_BURST = 32


class Gate:
    """At most `running` calls inside at once and `waiting` more in front; one more raises `Overloaded`."""

    def __init__(self, name: str, *, running: int, waiting: int) -> None:
        self._name = name
        self._running = running
        self._capacity = running + waiting
        self._inside_seconds = 0.0
        self._slots = asyncio.Semaphore(running)
        self._depth = 0
        self._wait = GATE_WAIT.labels(name)
        self._refusals = GATE_REFUSALS.labels(name)
        # Asked for when metrics are, instead of being told with each call.
        GATE_DEPTH.labels(name).set_function(lambda: self._depth)
        GATE_CAPACITY.labels(name).set(self._capacity)

    @asynccontextmanager
    async def enter(self, *, patience: float = math.inf) -> AsyncIterator[None]:
        """Holds one place for as long as the block runs; whoever would wait longer than `patience` is refused at once.

        Seconds, by the calls ahead and how long the last ones took: a queue in which all are late helps nobody.
        """
        if self._depth >= self._capacity:
            self._refuse(f"at its limit of {self._capacity} calls")
        if self._depth >= self._running + _BURST and self._expected_wait() > patience:
            self._refuse(f"busy for more than {patience:g} s with what came before")
        self._depth += 1
        arrived = time.perf_counter()
        try:
            async with self._slots:
                began = time.perf_counter()
                self._wait.observe(began - arrived)
                try:
                    yield
                finally:
                    self._learn(time.perf_counter() - began)
        finally:
            self._depth -= 1

    def _expected_wait(self) -> float:
        ahead = max(0, self._depth - self._running + 1)
        return ahead / self._running * self._inside_seconds

    def _learn(self, seconds: float) -> None:
        known = self._inside_seconds or seconds
        self._inside_seconds = (1 - _WEIGHT) * known + _WEIGHT * seconds

    def _refuse(self, reason: str) -> NoReturn:
        self._refusals.inc()
        raise Overloaded(f"The {self._name} is {reason}. Try again in a moment.")
