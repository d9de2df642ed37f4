"""The gate: so many inside, so many waiting, one more turned away."""

import asyncio

import pytest

from rag.errors import Overloaded
from rag.gate import Gate
from rag.metrics import GATE_DEPTH, GATE_REFUSALS


async def hold(gate: Gate, leave: asyncio.Event) -> None:
    async with gate.enter():
        await leave.wait()


async def test_one_more_than_fits_is_turned_away_and_a_place_comes_free_again():
    gate, leave = Gate("small", running=1, waiting=1), asyncio.Event()
    inside = [asyncio.create_task(hold(gate, leave)) for _ in range(2)]
    await asyncio.sleep(0)
    refused = GATE_REFUSALS.labels("small")._value.get()
    with pytest.raises(Overloaded, match="small"):
        async with gate.enter():
            pass
    assert GATE_REFUSALS.labels("small")._value.get() == refused + 1
    leave.set()
    await asyncio.gather(*inside)
    async with gate.enter():
        assert GATE_DEPTH.labels("small")._value.get() == 1
    assert GATE_DEPTH.labels("small")._value.get() == 0


async def test_who_gives_up_waiting_frees_the_place():
    gate, leave = Gate("patient", running=1, waiting=1), asyncio.Event()
    first, second = (asyncio.create_task(hold(gate, leave)) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.create_task(hold(gate, leave))
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(first, third)
