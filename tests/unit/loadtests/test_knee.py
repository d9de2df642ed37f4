"""The search for the knee, over a simulated service. `tests/e2e/loadtests/test_loadtests.py` uses a real one."""

import itertools
from dataclasses import replace

import pytest

from loadtests.client import RequestRecord
from loadtests.knee import OVERLOAD_FACTOR, find_faults, find_knee
from loadtests.metrics import Objectives, RunMetrics
from loadtests.open_loop import Concurrency, LoadRun
from loadtests.report import LoadResult
from loadtests.sampling import ServiceSamples

OBJECTIVES = Objectives(ttft=1.0, tpot=0.1, latency=2.0)
SECONDS = 10.0


def step(rate: float, serves: float, *, depth: float = 4, failed: int = 0, retry_after: str | None = "2") -> LoadResult:
    """Return the result of a service that answers `serves` requests per second and all others with 429."""
    records = []
    for number in range(round(rate * SECONDS)):
        due = number / rate
        if number % rate < serves:
            one = RequestRecord(due=due, sent=due, ended=due + 0.5, outcome="ok", content_times=[due + 0.2, due + 0.5])
        else:
            one = RequestRecord(due=due, sent=due, ended=due, outcome="overloaded", retry_after=retry_after)
        records.append(one)
    records += [RequestRecord(due=0, sent=0, ended=1) for _ in range(failed)]
    run = LoadRun(seconds=SECONDS, records=records, concurrency=Concurrency(begin=0, end=SECONDS))
    samples = ServiceSamples(deepest={"generator": depth}, capacity={"generator": 4.0}, cores={"client": 0.1})
    metrics = RunMetrics.of(run, Objectives(ttft=1.0, tpot=1.0, latency=2.0))
    return LoadResult(configuration={"rate": rate}, metrics=metrics, samples=samples, run=run)


async def test_the_search_bisects_between_the_last_rate_that_held_and_the_first_that_did_not():
    rates = []

    async def measure(rate: float) -> LoadResult:
        rates.append(rate)
        return step(rate, serves=30)

    knee = await find_knee(measure, OBJECTIVES, start=8, most=500)
    # 8, 12, 18 and 27 hold. 40.5 and 33.75 do not. 30.4 holds, because it loses less than 5 %.
    assert rates == [8, 12, 18, 27, 40.5, 33.75, 30.375, OVERLOAD_FACTOR * 30.375]
    assert knee.rate == 30.375
    assert [one.configuration["rate"] for one in knee.steps] == sorted(rates[:-1])
    assert knee.overload.metrics.overloaded > 0
    assert knee.is_good
    assert knee.verdict == "The knee: 30.4 requests per second."


async def test_a_service_that_holds_no_rate_has_no_knee_and_is_not_overloaded():
    calls = itertools.count()

    async def measure(rate: float) -> LoadResult:
        next(calls)
        return step(rate, serves=0.5)

    knee = await find_knee(measure, OBJECTIVES, start=8, most=500)
    assert (knee.rate, knee.overload, next(calls)) == (0.0, None, 1)
    assert not knee.is_good
    assert "FAULT: not even the first step held" in knee.verdict


@pytest.mark.parametrize("at", [8, 40.5, OVERLOAD_FACTOR * 30.375], ids=["held", "not held", "overload"])
async def test_a_knee_is_invalid_if_the_client_was_the_bottleneck(at):
    async def measure(rate: float) -> LoadResult:
        return replace(step(rate, serves=30), invalid=["requests were sent late"] if rate == at else [])

    knee = await find_knee(measure, OBJECTIVES, start=8, most=500)
    assert knee.faults == []
    assert not knee.is_good
    assert not knee.to_json()["valid"]
    assert f"INVALID at {at:.1f}/s: requests were sent late" in knee.verdict


async def test_the_search_stops_at_the_highest_allowed_rate_and_reports_it():
    async def measure(rate: float) -> LoadResult:
        return step(rate, serves=1000)

    knee = await find_knee(measure, OBJECTIVES, start=8, most=20)
    assert knee.rate == 18
    assert "The knee is above 18.0 requests per second" in knee.verdict
    with pytest.raises(ValueError, match=r"--start 21\) is above the last \(--most 20"):
        await find_knee(measure, OBJECTIVES, start=21, most=20)


@pytest.mark.parametrize(
    ("overload", "fault"),
    [
        (step(40, serves=10, retry_after=None), "without Retry-After"),
        (step(40, serves=10, failed=3), "3 requests failed"),
        (step(40, serves=10, depth=9), "9 calls were seen at the gate generator, whose capacity is 4"),
    ],
    ids=["no Retry-After", "failures", "a growing queue"],
)
def test_each_fault_under_overload_is_reported(overload, fault):
    [sentence] = find_faults(overload)
    assert fault in sentence


def test_429s_with_retry_after_are_not_a_fault():
    assert find_faults(step(40, serves=10)) == []
