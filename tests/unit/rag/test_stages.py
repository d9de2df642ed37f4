"""What a stage leaves in the metrics, in the timings of its work, and in a trace."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from rag.errors import Overloaded
from rag.stages import StageMetrics


@pytest.fixture
def registry():
    return CollectorRegistry()


def metrics(registry: CollectorRegistry, *, counts_failures: bool = True) -> StageMetrics:
    durations = Histogram("seconds", "Duration.", ["stage"], registry=registry)
    failures = Counter("failures", "Failures.", ["stage"], registry=registry)
    return StageMetrics(
        durations={stage: durations.labels(stage) for stage in ("outer", "inner")},
        failures={"outer": failures.labels("outer")} if counts_failures else None,
    )


def observed(registry: CollectorRegistry, stage: str) -> float:
    return registry.get_sample_value("seconds_count", {"stage": stage})


def test_a_stage_is_observed_and_appears_in_the_timings(registry):
    timer = metrics(registry).start()
    with timer.stage("outer"):
        pass
    assert observed(registry, "outer") == 1
    assert set(timer.timings()) == {"outer", "total"}


def test_a_stage_inside_another_one_is_not_counted_twice(registry):
    timer = metrics(registry).start()
    with timer.stage("outer"), timer.stage("inner"):
        time.sleep(0.05)
    timings = timer.timings()
    assert timings["inner"] >= 0.05
    # Each is rounded to a microsecond.
    assert timings["inner"] + timings["outer"] <= timings["total"] + 3e-6


def test_a_stage_lasts_from_the_end_of_the_previous_one(registry):
    timer = metrics(registry).start()
    with timer.stage("inner"):
        pass
    time.sleep(0.05)
    with timer.stage("outer"):
        pass
    assert timer.timings()["outer"] >= 0.05


@pytest.mark.parametrize("error", [Overloaded("Too many calls."), RuntimeError("a defect")])
def test_a_failed_stage_is_counted_and_not_observed(registry, error):
    with pytest.raises(type(error)), metrics(registry).stage("outer"):
        raise error
    assert registry.get_sample_value("failures_total", {"stage": "outer"}) == 1
    assert observed(registry, "outer") == 0


def test_a_cancelled_stage_is_neither_counted_nor_observed(registry):
    with pytest.raises(asyncio.CancelledError), metrics(registry).stage("outer"):
        raise asyncio.CancelledError
    assert registry.get_sample_value("failures_total", {"stage": "outer"}) == 0
    assert observed(registry, "outer") == 0


def test_without_failure_counters_a_failed_stage_is_observed(registry):
    with pytest.raises(Overloaded), metrics(registry, counts_failures=False).stage("outer"):
        raise Overloaded("Too many calls.")
    assert observed(registry, "outer") == 1


def test_the_total_begins_when_the_work_arrived(registry):
    timer = metrics(registry).start(time.perf_counter() - 5)
    assert timer.timings()["total"] >= 5
