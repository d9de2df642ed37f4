"""An open-loop load of streams with Poisson arrivals."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from loadtests.arrivals import poisson
from loadtests.client import RequestRecord, ask, service_at
from tests.drills.rolling.replicas import QUESTION

_LONGEST_SECONDS = 3600
_TIMEOUT_SECONDS = 60


@dataclass(slots=True)
class Load:
    """The observations so far. Times are in seconds of the event loop's clock."""

    observations: list[RequestRecord] = field(default_factory=list)

    @property
    def failed(self) -> list[RequestRecord]:
        return [one for one in self.observations if one.outcome != "ok"]


@asynccontextmanager
async def open_load(url: str, *, rate: float, seed: int = 1) -> AsyncIterator[Load]:
    """Send requests during the body. At its end, wait for the open streams."""
    load, tasks = Load(), set[asyncio.Task[None]]()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
        sending = asyncio.create_task(_send(session, url, rate, seed, load, tasks))
        try:
            yield load
        finally:
            sending.cancel()
            await asyncio.gather(sending, *tasks, return_exceptions=True)


async def _send(
    session: aiohttp.ClientSession, url: str, rate: float, seed: int, load: Load, tasks: set[asyncio.Task[None]]
) -> None:
    target, clock = service_at(url), asyncio.get_running_loop().time
    began = clock()

    async def observe(due: float) -> None:
        load.observations.append(
            await ask(session, target, QUESTION, due=due, clock=clock, timeout_seconds=_TIMEOUT_SECONDS)
        )

    for arrival in poisson(rate, _LONGEST_SECONDS, seed=seed):
        await asyncio.sleep(max(0.0, began + arrival - clock()))
        tasks.add(asyncio.create_task(observe(began + arrival)))
