"""An open loop: each request is sent when it is due, no matter whether the requests before it have ended.

Every duration is measured from the time at which the request was due. All requests that arrive while a server stalls
therefore record the stall. A closed loop would record it once per waiting client (coordinated omission, ADR 0032).
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import aiohttp

from loadtests.client import RequestRecord, Target, ask

# Beyond this the queue grows inside the client. Further requests are not sent, and the run is reported as invalid.
_MAX_IN_FLIGHT = 4096
# A run starts with nothing in flight, so steady-state figures leave out its first quarter.
_WARMUP_SHARE = 0.25
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)


@dataclass(slots=True, kw_only=True)
class Concurrency:
    """The number of requests in flight, integrated over a time window.

    It is counted independently of the request records, so Little's law can check one against the other.
    """

    begin: float
    end: float
    count: int = 0
    peak: int = 0
    _area: float = 0.0
    _since: float = 0.0

    def change(self, by: int, now: float) -> None:
        self._area += self.count * max(0.0, min(now, self.end) - max(self._since, self.begin))
        self._since = now
        self.count += by
        self.peak = max(self.peak, self.count)

    @property
    def mean(self) -> float:
        return self._area / (self.end - self.begin)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRun:
    """The records of all requests that arrived within `seconds`."""

    seconds: float
    records: list[RequestRecord] = field(default_factory=list)
    unsent: int = 0
    concurrency: Concurrency

    @property
    def steady(self) -> list[RequestRecord]:
        """The requests that were due within the window over which concurrency was integrated."""
        window = self.concurrency
        return [record for record in self.records if window.begin <= record.due < window.end]


async def run_open_loop(
    target: Target,
    arrivals: Sequence[float],
    questions: Iterator[str],
    *,
    seconds: float,
    timeout_seconds: float = 60.0,
) -> LoadRun:
    """Send one question at each arrival time and return when all requests have ended.

    `arrivals` are seconds from now, ascending, all below `seconds`. `timeout_seconds` limits each request.
    """
    # The event loop's own clock would hide a busy loop, and lateness of the client must be seen.
    started = time.perf_counter()
    concurrency = Concurrency(begin=seconds * _WARMUP_SHARE, end=seconds)
    tasks: list[asyncio.Task[RequestRecord]] = []
    unsent = 0

    def clock() -> float:
        return time.perf_counter() - started

    async def send(session: aiohttp.ClientSession, question: str, due: float) -> RequestRecord:
        try:
            return await ask(session, target, question, due=due, clock=clock, timeout_seconds=timeout_seconds)
        finally:
            concurrency.change(-1, clock())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=_NO_TIMEOUT) as session:
        for due in arrivals:
            await asyncio.sleep(max(0.0, due - clock()))
            question = next(questions)
            if concurrency.count >= _MAX_IN_FLIGHT:
                unsent += 1
                continue
            concurrency.change(+1, clock())
            tasks.append(asyncio.create_task(send(session, question, due)))
        await asyncio.sleep(max(0.0, seconds - clock()))
        records = await asyncio.gather(*tasks)
    concurrency.change(0, clock())
    return LoadRun(seconds=seconds, records=records, unsent=unsent, concurrency=concurrency)
