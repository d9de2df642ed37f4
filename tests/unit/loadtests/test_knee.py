"""The search itself, over a service that is a formula; `test_against_the_service.py` has a real one."""

import itertools
from dataclasses import replace

import pytest

from loadtests.asking import Observation
from loadtests.figures import Figures, Objectives
from loadtests.knee import BEYOND, faults_of, find_knee
from loadtests.open_loop import Concurrency, Run
from loadtests.report import Result
from loadtests.watching import Watched

OBJECTIVES = Objectives(ttft=1.0, tpot=0.1, latency=2.0)
SECONDS = 10.0


def step(rate: float, serves: float, *, depth: float = 4, failed: int = 0, retry_after: str | None = "2") -> Result:
    """What a service shows that answers so many a second and refuses the rest."""
    observations = []
    for number in range(round(rate * SECONDS)):
        due = number / rate
        if number % rate < serves:
            one = Observation(due=due, sent=due, ended=due + 0.5, outcome="ok", contents=[due + 0.2, due + 0.5])
        else:
            one = Observation(due=due, sent=due, ended=due, outcome="refused", retry_after=retry_after)
        observations.append(one)
    observations += [Observation(due=0, sent=0, ended=1) for _ in range(failed)]
    run = Run(seconds=SECONDS, observations=observations, concurrency=Concurrency(begin=0, end=SECONDS))
    watched = Watched(deepest={"generator": depth}, capacity={"generator": 4.0}, cores={"client": 0.1})
    figures = Figures.of(run, Objectives(ttft=1.0, tpot=1.0, latency=2.0))
    return Result(configuration={"rate": rate}, figures=figures, watched=watched, run=run)


async def test_the_gap_between_what_held_and_what_did_not_is_halved():
    asked = []

    async def measure(rate: float) -> Result:
        asked.append(rate)
        return step(rate, serves=30)

    knee = await find_knee(measure, OBJECTIVES, start=8, most=500)
    # 8, 12, 18 and 27 hold and 40.5 does not; 33.75 does not; 30.4 does: it loses less than 5 %.
    assert asked == [8, 12, 18, 27, 40.5, 33.75, 30.375, BEYOND * 30.375]
    assert knee.rate == 30.375
    assert [one.configuration["rate"] for one in knee.steps] == sorted(asked[:-1])
    assert knee.beyond.figures.refused > 0
    assert knee.is_good
    assert knee.verdict == "The knee: 30.4 requests a second."


async def test_a_service_that_holds_nothing_has_no_knee_and_is_not_loaded_further():
    asked = itertools.count()

    async def measure(rate: float) -> Result:
        next(asked)
        return step(rate, serves=0.5)

    knee = await find_knee(measure, OBJECTIVES, start=8, most=500)
    assert (knee.rate, knee.beyond, next(asked)) == (0.0, None, 1)
    assert not knee.is_good
    assert "FAULT: not even the first step held" in knee.verdict


@pytest.mark.parametrize("at", [8, 40.5, BEYOND * 30.375], ids=["what held", "what did not", "far beyond"])
async def test_a_knee_whose_client_was_the_bottleneck_is_none(at):
    async def measure(rate: float) -> Result:
        return replace(step(rate, serves=30), invalid=["requests were sent late"] if rate == at else [])

    knee = await find_knee(measure, OBJECTIVES, start=8, most=500)
    assert knee.faults == []
    assert not knee.is_good
    assert not knee.to_json()["valid"]
    assert f"INVALID at {at:.1f}/s: requests were sent late" in knee.verdict


async def test_the_search_stops_at_the_most_and_says_that_this_is_no_knee():
    async def measure(rate: float) -> Result:
        return step(rate, serves=1000)

    knee = await find_knee(measure, OBJECTIVES, start=8, most=20)
    assert knee.rate == 18
    assert "The knee is beyond 18.0 requests a second" in knee.verdict
    with pytest.raises(ValueError, match=r"--start 21\) is above the last \(--most 20"):
        await find_knee(measure, OBJECTIVES, start=21, most=20)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (step(40, serves=10, retry_after=None), "without Retry-After"),
        (step(40, serves=10, failed=3), "3 requests failed"),
        (step(40, serves=10, depth=9), "9 calls were seen at the gate generator, which holds 4"),
    ],
    ids=["no Retry-After", "failures", "a growing queue"],
)
def test_what_must_not_happen_beyond_the_knee_is_said(bad, said):
    [fault] = faults_of(bad)
    assert said in fault


def test_refusing_is_no_fault():
    assert faults_of(step(40, serves=10)) == []
