"""Limits on requests to each host: how many at once, and the delay between two."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ingest.settings import SourceSettings


class RateLimits:
    """The rate limits of all hosts, each independent of the others."""

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._hosts: dict[str, _HostLimit] = {}

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Wait until a request to the host may start, and occupy one of its slots during the block."""
        limit = self._limit(host)
        async with limit.slots:
            await limit.wait()
            yield

    def slow_down(self, host: str, seconds: float) -> None:
        """Raise the delay between two requests to the host to `seconds`, up to RAG_SOURCES__MAX_DELAY."""
        limit = self._limit(host)
        limit.delay = max(limit.delay, min(seconds, self._settings.max_delay))

    def pause(self, host: str, seconds: float) -> None:
        """Send no request to the host for `seconds`, up to RAG_SOURCES__MAX_DELAY."""
        limit = self._limit(host)
        limit.paused_until = max(limit.paused_until, time.monotonic() + min(seconds, self._settings.max_delay))

    def _limit(self, host: str) -> "_HostLimit":
        if host not in self._hosts:
            self._hosts[host] = _HostLimit(concurrency=self._settings.per_host, delay=self._settings.delay)
        return self._hosts[host]


class _HostLimit:
    def __init__(self, *, concurrency: int, delay: float) -> None:
        self.slots = asyncio.Semaphore(concurrency)
        self.delay = delay
        self.paused_until = 0.0
        self._next_start = 0.0

    async def wait(self) -> None:
        while True:
            # Reserved before the sleep, so that the next request waits from this start on.
            start = max(time.monotonic(), self._next_start, self.paused_until)
            self._next_start = start + self.delay
            await asyncio.sleep(start - time.monotonic())
            # Meanwhile the server may have answered another request by asking for a pause.
            if start >= self.paused_until:
                return
