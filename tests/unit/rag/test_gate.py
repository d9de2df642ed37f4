"""The gate: calls run, wait, or are refused."""

import asyncio
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from rag.errors import Overloaded
from rag.gate import Gate
from rag.metrics import GATE_REFUSALS


def depth_of(gate: str) -> float | None:
    return REGISTRY.get_sample_value("rag_gate_depth", {"gate": gate})


async def hold(gate: Gate, leave: asyncio.Event) -> None:
    async with gate.enter():
        await leave.wait()


async def test_a_full_gate_refuses_one_more_call_until_a_place_is_free():
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
        assert depth_of("small") == 1
    assert depth_of("small") == 0


async def test_a_cancelled_call_frees_its_place():
    gate, leave = Gate("cancelled", running=1, waiting=1), asyncio.Event()
    first, second = (asyncio.create_task(hold(gate, leave)) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.create_task(hold(gate, leave))
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(first, third)


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """A clock that the test sets, because a busy machine must not look like a slow call."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("rag.gate.time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


async def pass_through(gate: Gate, clock: SimpleNamespace, seconds: float) -> None:
    async with gate.enter():
        clock.now += seconds


async def test_a_call_that_would_wait_longer_than_its_limit_is_refused_at_once(clock):
    gate, leave = Gate("slow", running=1, waiting=100), asyncio.Event()
    await pass_through(gate, clock, 0.2)
    # No call runs, so there is nothing to wait for, even after a slow call.
    async with gate.enter(max_wait=0.0):
        pass
    inside = [asyncio.create_task(hold(gate, leave)) for _ in range(33)]
    await asyncio.sleep(0)
    refused = GATE_REFUSALS.labels("slow")._value.get()
    with pytest.raises(Overloaded, match=r"busy with earlier calls for more than 0\.5 s"):
        async with gate.enter(max_wait=0.5):
            pass
    assert GATE_REFUSALS.labels("slow")._value.get() == refused + 1
    unlimited = asyncio.create_task(hold(gate, leave))
    leave.set()
    await asyncio.gather(unlimited, *inside)


async def test_a_call_may_wait_exactly_as_long_as_its_limit(clock):
    gate, leave = Gate("exact", running=1, waiting=100), asyncio.Event()
    await pass_through(gate, clock, 1.0)
    inside = [asyncio.create_task(hold(gate, leave)) for _ in range(33)]
    await asyncio.sleep(0)
    # 33 calls of 1 s are ahead.
    with pytest.raises(Overloaded):
        await enter_with(gate, max_wait=32.9)
    admitted = asyncio.create_task(enter_with(gate, max_wait=33.0))
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(admitted, *inside)


async def test_a_refused_call_is_told_how_long_the_queue_is(clock):
    gate, leave = Gate("estimating", running=2, waiting=4), asyncio.Event()
    inside = [asyncio.create_task(hold(gate, leave)) for _ in range(6)]
    await asyncio.sleep(0)
    # No call has ended yet, so nothing is known.
    assert await refused_by(gate) is None
    leave.set()
    await asyncio.gather(*inside)
    gate, leave = Gate("estimating", running=2, waiting=4), asyncio.Event()
    await pass_through(gate, clock, 3.0)
    inside = [asyncio.create_task(hold(gate, leave)) for _ in range(6)]
    await asyncio.sleep(0)
    # Five calls of 3 s must end at two places before one more can run.
    assert await refused_by(gate) == pytest.approx(7.5)
    leave.set()
    await asyncio.gather(*inside)


async def refused_by(gate: Gate) -> float | None:
    with pytest.raises(Overloaded) as refusal:
        await enter_with(gate, max_wait=60)
    return refusal.value.retry_after


async def test_a_burst_may_wait_even_after_slow_calls(clock):
    gate, leave = Gate("bursting", running=1, waiting=100), asyncio.Event()
    await pass_through(gate, clock, 0.2)
    inside = [asyncio.create_task(hold(gate, leave)) for _ in range(32)]
    await asyncio.sleep(0)
    limited = asyncio.create_task(enter_with(gate, max_wait=0.0))
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(limited, *inside)


async def enter_with(gate: Gate, *, max_wait: float) -> None:
    async with gate.enter(max_wait=max_wait):
        pass


async def test_a_gate_that_becomes_fast_again_lets_more_calls_wait(clock):
    gate, leave = Gate("recovering", running=1, waiting=100), asyncio.Event()
    await pass_through(gate, clock, 0.3)
    for _ in range(60):
        await pass_through(gate, clock, 0.0)
    inside = [asyncio.create_task(hold(gate, leave)) for _ in range(50)]
    await asyncio.sleep(0)
    admitted = asyncio.create_task(enter_with(gate, max_wait=0.5))
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(admitted, *inside)
