"""What a process uses while it is asked, apart from the wait for its last answers."""

import asyncio
import time

from loadtests.watching import watch

NOBODY = "http://127.0.0.1:9"


async def test_cores_are_those_of_the_time_in_which_requests_come():
    began = time.perf_counter()
    async with watch(NOBODY, {}, seconds=0.5) as watched:
        await asyncio.sleep(0)
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
        async with asyncio.timeout(60):
            while not watched.cores:  # noqa: ASYNC110 - a clock that has no event
                await asyncio.sleep(0.01)
        came = time.perf_counter() - began
        # The wait for the last answers.
        await asyncio.sleep(came)
    # The operating system tells the seconds of the processor in hundredths: 0.3 may be 0.28.
    assert watched.cores["client"] > 0.27 / came


async def test_a_run_that_is_broken_off_has_its_cores_too():
    async with watch(NOBODY, {}, seconds=60) as watched:
        await asyncio.sleep(0.05)
    assert watched.cores["client"] >= 0
