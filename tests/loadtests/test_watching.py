"""What a process uses while it is asked, apart from the wait for its last answers."""

import asyncio
import time

from loadtests.watching import watch

NOBODY = "http://127.0.0.1:9"
IDLE = 1.5


async def test_cores_are_those_of_the_time_in_which_requests_come():
    began = time.perf_counter()
    async with watch(NOBODY, {}, seconds=0.5) as watched:
        await asyncio.sleep(0)
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
        busy = time.perf_counter() - began
        await asyncio.sleep(max(0.0, 0.5 - busy) + IDLE)
    # Whatever else the machine does: the seconds of the processor over those in which requests came.
    came = max(0.5, busy)
    assert watched.cores["client"] > 0.29 / (came + IDLE / 3)


async def test_a_run_that_is_broken_off_has_its_cores_too():
    async with watch(NOBODY, {}, seconds=60) as watched:
        await asyncio.sleep(0.05)
    assert watched.cores["client"] >= 0
