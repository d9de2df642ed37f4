"""Samples of the service's own metrics during a run, and the CPU use of each process."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

_INTERVAL_SECONDS = 0.5
_IN_FLIGHT = "rag_inflight_requests"
_DEPTH = "rag_gate_depth"
_CAPACITY = "rag_gate_capacity"


@dataclass(slots=True, kw_only=True)
class ServiceSamples:
    """What the service and the processes reported. It is filled while `sample_service` is open."""

    in_flight: list[float] = field(default_factory=list)
    """The service's own count of requests in flight, one value per sample."""
    deepest: dict[str, float] = field(default_factory=dict)
    """The largest number of calls seen inside and in front of each gate."""
    capacity: dict[str, float] = field(default_factory=dict)
    cores: dict[str, float] = field(default_factory=dict)
    """CPU seconds per second of arrivals, by program. `client` is this process."""

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
async def sample_service(base: str, processes: Mapping[str, int], *, seconds: float) -> AsyncIterator[ServiceSamples]:
    """Sample `/metrics` of the service at `base` until the block ends.

    `processes` are the ids of local processes whose CPU use is measured, by name.
    CPU use is measured over the `seconds` of arrivals only: the wait for the last answers would lower the average.
    """
    samples = ServiceSamples()
    programs = {name: psutil.Process(pid) for name, pid in ({**processes, "client": os.getpid()}).items()}
    tasks = [
        asyncio.create_task(_sample_metrics(base, samples)),
        asyncio.create_task(_measure_cpu(programs, samples, seconds)),
    ]
    try:
        yield samples
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):  # `CancelledError` is not an `Exception`: it is how the tasks normally end.
            raise result


async def _measure_cpu(programs: Mapping[str, psutil.Process], samples: ServiceSamples, seconds: float) -> None:
    started, before = time.perf_counter(), {name: _cpu_seconds(program) for name, program in programs.items()}
    try:
        await asyncio.sleep(seconds)
    finally:  # A run that is interrupted reports its CPU use, too.
        elapsed = time.perf_counter() - started
        samples.cores = {name: (_cpu_seconds(program) - before[name]) / elapsed for name, program in programs.items()}


async def _sample_metrics(base: str, samples: ServiceSamples) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while True:
            try:
                async with session.get(f"{base}/metrics") as response:
                    if response.status == 200:
                        samples.add(await response.text())
            except (aiohttp.ClientError, TimeoutError, ValueError):
                # One sample is lost, for example if a gateway answers with an HTML page. The load itself is recorded
                # request by request, so nothing is hidden.
                pass
            await asyncio.sleep(_INTERVAL_SECONDS)


def _cpu_seconds(program: psutil.Process) -> float:
    times = program.cpu_times()
    return float(times.user + times.system)
