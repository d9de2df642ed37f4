"""Replace one replica after the other, and the collection once, while streams run, and count the failures."""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.client import RequestRecord
from loadtests.stand_in import Delays, open_stand_in
from tests.drills.rolling.haproxy import HAProxy, haproxy
from tests.drills.rolling.load import open_load
from tests.drills.rolling.replicas import Installation, Replica, installation

DELAYS = Delays(ttft=0.2, tpot=0.05, tokens=80)
"""A stream takes about four seconds. That is longer than the delay, so streams are open when a replica stops."""
DELAY_SECONDS = 3
"""HAProxy checks twice a second and needs two equal results, so it needs at least one second to see the change."""
_MIN_ANSWERS = 5
_TIMEOUT_SECONDS = 120
_NEWS = "# Pump news\n\nError E5678 means that the inlet filter is blocked. Rinse the filter with clean water.\n"
_NEWS_QUESTION = "What does error E5678 mean?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """The replacement of one process by the next version."""

    replica: str
    version: str
    answered: int
    """The complete answers that the process counted before it was stopped."""
    draining_seconds: float
    """The time from SIGTERM to the exit."""
    starting_seconds: float
    """The time from the start of the new process until HAProxy sends it requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingUpdate:
    """The result of one rolling update."""

    seconds: float
    rate: float
    streams: list[RequestRecord]
    replacements: list[Replacement]
    served: Mapping[str, int]
    errors: Mapping[str, int]

    @property
    def reasons(self) -> Counter[str]:
        """The failed streams by reason. Empty if no stream failed."""
        return Counter(one.reason for one in self.streams if one.outcome != "ok")


@asynccontextmanager
async def open_replicas(
    models: Path, *, versions: int = 1, pace: Delays = DELAYS, **settings: str
) -> AsyncIterator[Installation]:
    """Start two replicas and a stand-in for their model."""
    with tempfile.TemporaryDirectory(prefix="rolling-") as name:
        async with open_stand_in(pace) as model_url:
            with installation(Path(name), models, model_url, versions=versions, **settings) as installed:
                await asyncio.gather(*(asyncio.to_thread(replica.start, 1) for replica in installed.replicas))
                yield installed


@asynccontextmanager
async def open_balancer(installed: Installation, name: str, *, retries: int) -> AsyncIterator[HAProxy]:
    """Run HAProxy in front of the replicas, and wait until it sends requests to each."""
    ports = {replica.name: replica.port for replica in installed.replicas}
    with haproxy(installed.folder / name, ports, retries=retries) as balancer:
        for replica in installed.replicas:
            await asyncio.to_thread(balancer.wait_until_up, replica.name)
        yield balancer


async def roll(installed: Installation, *, replacements: int, rate: float) -> RollingUpdate:
    """Run a rolling update. HAProxy does not retry, so every failure is visible."""
    async with open_balancer(installed, "rolling", retries=0) as balancer:
        return await _roll(installed, balancer, replacements, rate)


async def _roll(installed: Installation, balancer: HAProxy, count: int, rate: float) -> RollingUpdate:
    news = installed.folder / "news.md"
    news.write_text(_NEWS)
    done, began = [], time.monotonic()
    async with open_load(balancer.url, rate=rate) as load:
        for number in range(count):
            if number == count // 2:
                await asyncio.to_thread(installed.publish, news)
            replica = installed.replicas[number % len(installed.replicas)]
            done.append(await asyncio.to_thread(_replace, replica, number + 2, balancer))
        seconds = time.monotonic() - began
    for replica in installed.replicas:
        assert await asyncio.to_thread(replica.finds, "Pump news", _NEWS_QUESTION), (
            f"{replica.name} does not serve the new revision"
        )
    return RollingUpdate(
        seconds=seconds,
        rate=rate,
        streams=load.observations,
        replacements=done,
        served=balancer.served(),
        errors=balancer.errors(),
    )


def _replace(replica: Replica, version: int, balancer: HAProxy) -> Replacement:
    answered = _wait_for_answers(replica)
    before = replica.version()
    began = time.monotonic()
    replica.stop()
    stopped = time.monotonic()
    replica.start(version)
    balancer.wait_until_up(replica.name)
    return Replacement(
        replica=replica.name,
        version=before,
        answered=answered,
        draining_seconds=stopped - began,
        starting_seconds=time.monotonic() - stopped,
    )


def _wait_for_answers(replica: Replica) -> int:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while (answered := replica.answered()) < _MIN_ANSWERS:
        assert time.monotonic() < deadline, f"{replica.name} has answered {answered} after {_TIMEOUT_SECONDS} s"
        time.sleep(0.1)
    return answered
