"""What the service says of itself while it is under load, and what each process uses of the machine."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

_EVERY_SECONDS = 0.5
_IN_FLIGHT = "rag_inflight_requests"
_DEPTH = "rag_gate_depth"
_CAPACITY = "rag_gate_capacity"


@dataclass(slots=True, kw_only=True)
class Watched:
    """Filled while the watch is open."""

    in_flight: list[float] = field(default_factory=list)
    """Samples of the service's own count."""
    deepest: dict[str, float] = field(default_factory=dict)
    """Most that was seen inside and in front of each gate."""
    capacity: dict[str, float] = field(default_factory=dict)
    cores: dict[str, float] = field(default_factory=dict)
    """Seconds of the processor for each second of arrivals, by program; the client is this process."""

    def add(self, exposition: str) -> None:
        for family in text_string_to_metric_families(exposition):
            for sample in family.samples:
                gate = sample.labels.get("gate", "")
                if sample.name == _IN_FLIGHT:
                    self.in_flight.append(sample.value)
                elif sample.name == _DEPTH:
                    self.deepest[gate] = max(self.deepest.get(gate, 0.0), sample.value)
                elif sample.name == _CAPACITY:
                    self.capacity[gate] = sample.value


@asynccontextmanager
async def watch(base: str, processes: Mapping[str, int], *, seconds: float) -> AsyncIterator[Watched]:
    """`processes`: process ids of other programs on this machine whose use is to be told, by name.

    `seconds`: in which requests arrive. What comes after is waiting for the last answers, in which nobody is busy.
    """
    watched = Watched()
    programs = {name: psutil.Process(pid) for name, pid in ({**processes, "client": os.getpid()}).items()}
    tasks = [asyncio.create_task(_sample(base, watched)), asyncio.create_task(_clock(programs, watched, seconds))]
    try:
        yield watched
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):  # Not that it was cancelled.
            raise error


async def _clock(programs: Mapping[str, psutil.Process], watched: Watched, seconds: float) -> None:
    began, before = time.perf_counter(), {name: _cpu(program) for name, program in programs.items()}
    try:
        await asyncio.sleep(seconds)
    finally:  # Also of a run that was broken off.
        took = time.perf_counter() - began
        watched.cores = {name: (_cpu(program) - before[name]) / took for name, program in programs.items()}


async def _sample(base: str, watched: Watched) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while True:
            try:
                async with session.get(f"{base}/metrics") as response:
                    if response.status == 200:
                        watched.add(await response.text())
            except (aiohttp.ClientError, TimeoutError, ValueError):
                # A sample less, also where a gateway answers with a page; what the load meets is counted by request.
                pass
            await asyncio.sleep(_EVERY_SECONDS)


def _cpu(program: psutil.Process) -> float:
    times = program.cpu_times()
    return float(times.user + times.system)
