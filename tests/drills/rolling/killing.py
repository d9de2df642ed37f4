"""Kill replicas, Redis and workers with kill -9 while streams run, and count failures and recovery times.

A killed process is started again at once, Redis after two seconds and a refused upload. The times are those of the
software; a real supervisor adds its own delay.
"""

import asyncio
import itertools
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from loadtests.stand_in import open_stand_in
from tests.drills.rolling.haproxy import HAProxy
from tests.drills.rolling.load import Load, open_load
from tests.drills.rolling.replicas import Installation, Replica, installation
from tests.drills.rolling.rolling import DELAYS, open_balancer
from tests.support.programs import Service
from tests.support.servers.redis_server import RedisServer, redis_server
from tests.support.workers import start_worker

_REDIS_AWAY_SECONDS = 2.0
_PAUSE_SECONDS = 6.0
"""The pause between two kills, longer than a stream."""
_UPLOADS_PAUSE_SECONDS = 0.25
_BURST = 20
_READY_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The effects of one kill."""

    cut: int
    """The streams that were open and did not end with `done`."""
    refused: int
    """The later streams that failed."""
    uploads_refused: int = 0
    recovery_seconds: float
    """The time until the killed process works again."""
    next_seconds: float | None = None
    """The time until a document uploaded after the kill of a worker was searchable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All kills of one kind of process. `uploads` counts accepted uploads; all were searchable at the end."""

    kills: list[Kill]
    streams: int
    uploads: int = 0


@dataclass(slots=True)
class Uploads:
    """Uploads of one document after the other."""

    service: Service
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def put(self) -> bool:
        name = f"sheet-{next(self._numbers)}.md"
        text = f"# Sheet {name}\n\nThe seal of pump {name} is of the type S-17 and lasts 4,000 hours.\n"
        accepted = self.service.put(name, text.encode()).status_code == 202
        (self.accepted if accepted else self.refused).append(name)
        return accepted

    def wait_until_ready(self, names: list[str]) -> None:
        for name in names:
            self.service.wait_for_state(name, "ready", seconds=_READY_SECONDS)

    async def run(self) -> None:
        while True:
            await asyncio.to_thread(self.put)
            await asyncio.sleep(_UPLOADS_PAUSE_SECONDS)


async def kill_replicas(installed: Installation, *, kills: int, rate: float) -> Series:
    """Kill one of two replicas in turn. HAProxy tries the other replica if it cannot open a connection."""
    async with open_balancer(installed, "killing", retries=3) as balancer, open_load(balancer.url, rate=rate) as load:
        done = []
        for number in range(kills):
            await asyncio.sleep(_PAUSE_SECONDS)
            replica = installed.replicas[number % len(installed.replicas)]
            done.append(await _kill_replica(replica, balancer, load))
    return Series(kills=done, streams=len(load.observations))


async def _kill_replica(replica: Replica, balancer: HAProxy, load: Load) -> Kill:
    before, began = len(load.failed), time.monotonic()
    replica.kill()
    await asyncio.to_thread(replica.start, 1)
    await asyncio.to_thread(balancer.wait_until_up, replica.name)
    recovery = time.monotonic() - began
    await asyncio.sleep(_PAUSE_SECONDS)
    return _kill(load, before, began, recovery)


def _kill(load: Load, before: int, began: float, recovery: float, uploads_refused: int = 0) -> Kill:
    failed = load.failed[before:]
    cut = sum(one.sent < began for one in failed)
    return Kill(cut=cut, refused=len(failed) - cut, uploads_refused=uploads_refused, recovery_seconds=recovery)


async def kill_redis(models: Path, *, kills: int, rate: float) -> Series:
    """Kill Redis during uploads. It has recovered when an upload is accepted again."""
    async with _with_worker(models, rate) as (load, uploads, redis, _):
        done = []
        for _ in range(kills):
            refused, failed, began = len(uploads.refused), len(load.failed), time.monotonic()
            uploading = asyncio.create_task(uploads.run())
            await asyncio.sleep(1)
            redis.kill()
            await asyncio.sleep(_REDIS_AWAY_SECONDS)
            async with asyncio.timeout(_READY_SECONDS):
                while len(uploads.refused) == refused:  # noqa: ASYNC110 - a thread appends to it
                    await asyncio.sleep(0.01)
            accepted, started = len(uploads.accepted), time.monotonic()
            await asyncio.to_thread(redis.start)
            async with asyncio.timeout(_READY_SECONDS):
                while len(uploads.accepted) == accepted:  # noqa: ASYNC110 - a thread appends to it
                    await asyncio.sleep(0.01)
            recovery = time.monotonic() - started
            await asyncio.sleep(_PAUSE_SECONDS)
            uploading.cancel()
            await asyncio.gather(uploading, return_exceptions=True)
            done.append(_kill(load, failed, began, recovery, len(uploads.refused) - refused))
        await asyncio.to_thread(uploads.wait_until_ready, uploads.accepted)
    return Series(kills=done, streams=len(load.observations), uploads=len(uploads.accepted))


async def kill_workers(models: Path, *, kills: int, rate: float, claim_seconds: float) -> Series:
    """Kill the worker in the middle of a batch. It has recovered when the whole batch is searchable."""
    settings = {"RAG_INBOX__CLAIM_SECONDS": str(claim_seconds)}
    async with _with_worker(models, rate, **settings) as (load, uploads, _, worker):
        done = []
        for _ in range(kills):
            failed = len(load.failed)
            batch = [await asyncio.to_thread(uploads.put) for _ in range(_BURST)]
            await asyncio.to_thread(uploads.wait_until_ready, uploads.accepted[-len(batch) :][:1])
            began = time.monotonic()
            worker.kill()
            worker.start()
            await asyncio.to_thread(uploads.put)
            await asyncio.to_thread(uploads.wait_until_ready, uploads.accepted[-1:])
            next_seconds = time.monotonic() - began
            await asyncio.to_thread(uploads.wait_until_ready, uploads.accepted)
            kill = _kill(load, failed, began, time.monotonic() - began, batch.count(False))
            done.append(replace(kill, next_seconds=next_seconds))
    return Series(kills=done, streams=len(load.observations), uploads=len(uploads.accepted))


class _Worker:
    def __init__(self, data_dir: Path, settings: dict[str, str]) -> None:
        self.start = lambda: self._begin(data_dir, settings)

    def _begin(self, data_dir: Path, settings: dict[str, str]) -> None:
        self._process = start_worker(data_dir, **settings)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@asynccontextmanager
async def _with_worker(
    models: Path, rate: float, **settings: str
) -> AsyncIterator[tuple[Load, Uploads, RedisServer, _Worker]]:
    """Run a service and a worker that share a Redis inbox."""
    with tempfile.TemporaryDirectory(prefix="killing-") as name, redis_server(Path(name) / "redis") as redis:
        folder = Path(name)
        queue = {"RAG_INBOX__KIND": "redis", "RAG_INBOX__URL": redis.url} | settings
        async with open_stand_in(DELAYS) as model_url:
            with installation(folder, models, model_url, versions=1, **queue) as installed:
                replica = installed.replicas[0]
                await asyncio.to_thread(replica.start, 1)
                uploads = Uploads(replica.service)
                with _running(_Worker(replica.data_dir, installed.settings | queue)) as worker:
                    async with open_load(replica.service.url, rate=rate) as load:
                        await asyncio.to_thread(uploads.put)
                        await asyncio.to_thread(uploads.wait_until_ready, uploads.accepted)
                        yield load, uploads, redis, worker


@contextmanager
def _running(worker: _Worker) -> Iterator[_Worker]:
    worker.start()
    try:
        yield worker
    finally:
        worker.kill()
