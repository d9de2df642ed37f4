"""Requests sent when they are due, whatever became of those before: an open loop.

Each is measured from the moment it was due. A server that stalls is therefore seen by every request that arrived
meanwhile, and not only by those that a waiting client still found the time to send (coordinated omission).
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import aiohttp

from loadtests.asking import Observation, Target, ask

# More than this is a queue that grows in the client; what comes then is not sent, and the run is no measurement.
_MOST_IN_FLIGHT = 4096
# What a run has that began with nothing in flight, left out where its steady state is meant.
_WARMING_SHARE = 0.25
_UNLIMITED = aiohttp.ClientTimeout(total=None)


@dataclass(slots=True, kw_only=True)
class Concurrency:
    """How many are in flight, integrated over a window while it happens: independent of what is observed of each."""

    begin: float
    end: float
    count: int = 0
    most: int = 0
    _area: float = 0.0
    _since: float = 0.0

    def change(self, by: int, now: float) -> None:
        self._area += self.count * max(0.0, min(now, self.end) - max(self._since, self.begin))
        self._since = now
        self.count += by
        self.most = max(self.most, self.count)

    @property
    def mean(self) -> float:
        return self._area / (self.end - self.begin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was seen of every request; `seconds` is the time in which they arrived."""

    seconds: float
    observations: list[Observation] = field(default_factory=list)
    unsent: int = 0
    concurrency: Concurrency

    @property
    def steady(self) -> list[Observation]:
        """Those that arrived in the window over which concurrency was integrated."""
        window = self.concurrency
        return [seen for seen in self.observations if window.begin <= seen.due < window.end]


async def run_open_loop(
    target: Target, arrivals: Sequence[float], questions: Iterator[str], *, seconds: float, patience: float = 60.0
) -> Run:
    """`arrivals`: seconds from now, ascending, within `seconds`. Ends when the last answer has."""
    # Not the loop's own time: it stands still while the loop is busy, which is what must be seen.
    began = time.perf_counter()
    concurrency = Concurrency(begin=seconds * _WARMING_SHARE, end=seconds)
    tasks: list[asyncio.Task[Observation]] = []
    unsent = 0

    def clock() -> float:
        return time.perf_counter() - began

    async def observe(session: aiohttp.ClientSession, question: str, due: float) -> Observation:
        try:
            return await ask(session, target, question, due=due, clock=clock, patience=patience)
        finally:
            concurrency.change(-1, clock())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=_UNLIMITED) as session:
        for due in arrivals:
            await asyncio.sleep(max(0.0, due - clock()))
            question = next(questions)
            if concurrency.count >= _MOST_IN_FLIGHT:
                unsent += 1
                continue
            concurrency.change(+1, clock())
            tasks.append(asyncio.create_task(observe(session, question, due)))
        await asyncio.sleep(max(0.0, seconds - clock()))
        observations = await asyncio.gather(*tasks)
    concurrency.change(0, clock())
    return Run(seconds=seconds, observations=observations, unsent=unsent, concurrency=concurrency)
