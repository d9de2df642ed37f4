"""The event loop's lag, as its histogram shows it."""

import asyncio
import time

from rag.event_loop import open_pulse
from rag.metrics import EVENT_LOOP_LAG


def sampled() -> dict[str, float]:
    [family] = EVENT_LOOP_LAG.collect()
    return {sample.labels.get("le", sample.name): sample.value for sample in family.samples}


async def test_a_blocked_loop_shows_as_the_time_it_was_blocked():
    before = sampled()
    async with open_pulse():
        await asyncio.sleep(0.01)
        time.sleep(0.7)  # noqa: ASYNC251 - the fault that is looked for
        await asyncio.sleep(0.05)
    late = {le: sampled()[le] - before[le] for le in ("0.5", "+Inf")}
    # More than one where the machine stood still besides.
    assert late["+Inf"] - late["0.5"] >= 1


async def test_a_free_loop_hardly_lags():
    before = sampled()
    async with asyncio.timeout(60), open_pulse():
        while sampled()["0.05"] - before["0.05"] < 2:  # noqa: ASYNC110 - a histogram tells nobody
            await asyncio.sleep(0.05)
