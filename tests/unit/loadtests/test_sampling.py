"""The CPU use of processes during a run, without the wait for the last answers."""

import asyncio
import time

from loadtests.sampling import sample_service

UNREACHABLE = "http://127.0.0.1:9"


async def test_cpu_use_is_averaged_over_the_time_of_arrivals():
    began = time.perf_counter()
    async with sample_service(UNREACHABLE, {}, seconds=0.5) as samples:
        await asyncio.sleep(0)
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
        async with asyncio.timeout(60):
            while not samples.cores:  # noqa: ASYNC110 - nothing signals the end of the measurement
                await asyncio.sleep(0.01)
        arrival_seconds = time.perf_counter() - began
        # Wait as a run does for its last answers.
        await asyncio.sleep(arrival_seconds)
    # The operating system counts CPU time in hundredths of a second, so 0.3 may become 0.28.
    assert samples.cores["client"] > 0.27 / arrival_seconds


async def test_an_interrupted_run_reports_its_cpu_use():
    async with sample_service(UNREACHABLE, {}, seconds=60) as samples:
        await asyncio.sleep(0.05)
    assert samples.cores["client"] >= 0
