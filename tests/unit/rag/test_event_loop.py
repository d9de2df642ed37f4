"""The lag of the event loop, as its histogram shows it."""

import asyncio
import time

from rag.event_loop import open_lag_monitor
from rag.metrics import EVENT_LOOP_LAG


def sampled() -> dict[str, float]:
    [family] = EVENT_LOOP_LAG.collect()
    return {sample.labels.get("le", sample.name): sample.value for sample in family.samples}


async def test_a_blocked_loop_is_observed_with_the_time_that_it_was_blocked():
    before = sampled()
    async with open_lag_monitor():
        await asyncio.sleep(0.01)
        time.sleep(0.7)  # noqa: ASYNC251 - the fault under test
        await asyncio.sleep(0.05)
    late = {le: sampled()[le] - before[le] for le in ("0.5", "+Inf")}
    # There may be more than one if the machine was busy.
    assert late["+Inf"] - late["0.5"] >= 1


async def test_an_idle_loop_has_little_lag():
    before = sampled()
    async with asyncio.timeout(60), open_lag_monitor():
        while sampled()["0.05"] - before["0.05"] < 2:  # noqa: ASYNC110 - a histogram has no event to wait for
            await asyncio.sleep(0.05)
