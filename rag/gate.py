"""Bounded concurrency with a name: n calls run, m wait, one more raises `Overloaded`."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from rag.errors import Overloaded
from rag.metrics import GATE_CAPACITY, GATE_DEPTH, GATE_REFUSALS, GATE_WAIT

# Weight of the last call in the moving average of durations. About ten calls decide the estimate.
_WEIGHT = 0.1
# A burst of this many calls is not an overload, even while the machine is slow.
_BURST = 32


class Gate:
    """A limit of `running` concurrent calls and `waiting` queued ones. One more raises `Overloaded`."""

    def __init__(self, name: str, *, running: int, waiting: int) -> None:
        self._name = name
        self._running = running
        self._capacity = running + waiting
        self._mean_seconds = 0.0
        self._slots = asyncio.Semaphore(running)
        self._depth = 0
        self._wait = GATE_WAIT.labels(name)
        self._refusals = GATE_REFUSALS.labels(name)
        # Read at each scrape, which is cheaper than setting the gauge at each call.
        GATE_DEPTH.labels(name).set_function(lambda: self._depth)
        GATE_CAPACITY.labels(name).set(self._capacity)

    @asynccontextmanager
    async def enter(self, *, max_wait: float = math.inf) -> AsyncIterator[None]:
        """Hold one place while the block runs.

        Raises `Overloaded` at once if the gate is full, or if the expected wait exceeds `max_wait` seconds
        and more than a burst of calls is ahead.
        The expected wait comes from the calls ahead and the duration of recent calls. Without this limit, all calls of
        a long queue would be late.
        """
        expected = self._expected_wait()
        if self._depth >= self._capacity:
            self._refuse(f"at its limit of {self._capacity} calls", expected)
        if self._depth >= self._running + _BURST and expected > max_wait:
            self._refuse(f"busy with earlier calls for more than {max_wait:g} s", expected)
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
        """Return the seconds until one more call could run."""
        ahead = max(0, self._depth - self._running + 1)
        return ahead / self._running * self._mean_seconds

    def _learn(self, seconds: float) -> None:
        known = self._mean_seconds or seconds
        self._mean_seconds = (1 - _WEIGHT) * known + _WEIGHT * seconds

    def _refuse(self, reason: str, expected: float) -> NoReturn:
        self._refusals.inc()
        # Before the first call has ended, nothing is known about the durations.
        raise Overloaded(f"The {self._name} is {reason}. Try again in a moment.", retry_after=expected or None)
