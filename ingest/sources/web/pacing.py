"""How fast a host is asked: so many at once, and so long between two."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ingest.settings import SourceSettings


class Pace:
    """Lets requests to one host through a few at a time; hosts do not wait for each other."""

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Waits until the host may be asked, and counts as asking it for as long as the block runs."""
        lane = self._lane(host)
        async with lane.slots:
            await lane.wait()
            yield

    def slow_down(self, host: str, seconds: float) -> None:
        """Two requests to the host start at least this far apart from now on."""
        lane = self._lane(host)
        lane.delay = max(lane.delay, min(seconds, self._settings.max_delay))

    def pause(self, host: str, seconds: float) -> None:
        """The host is left alone for so long."""
        lane = self._lane(host)
        lane.next_start = max(lane.next_start, time.monotonic() + min(seconds, self._settings.max_delay))

    def _lane(self, host: str) -> "_Lane":
        if host not in self._lanes:
            self._lanes[host] = _Lane(at_once=self._settings.per_host, delay=self._settings.delay)
        return self._lanes[host]


class _Lane:
    def __init__(self, *, at_once: int, delay: float) -> None:
        self.slots = asyncio.Semaphore(at_once)
        self.delay = delay
        self.next_start = 0.0

    async def wait(self) -> None:
        # Each takes its place before it sleeps, so that those behind it count from there.
        start = max(time.monotonic(), self.next_start)
        self.next_start = start + self.delay
        await asyncio.sleep(start - time.monotonic())
