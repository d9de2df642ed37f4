"""The knee: the highest rate that the service still serves well, and its behaviour far beyond that rate.

A step holds if goodput is at least 95 % of the offered rate and the p95 of TTFT meets its objective (ADR 0032). The
search raises the rate step by step until one does not hold, and then bisects the gap.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.metrics import Objectives
from loadtests.report import LoadResult

OVERLOAD_FACTOR = 4
_MIN_GOODPUT_SHARE = 0.95
_GROWTH = 1.5
# Two bisections locate the knee within an eighth of its value; each costs one more step.
_BISECTIONS = 2
Measure = Callable[[float], Awaitable[LoadResult]]
"""Measures one step at the given requests per second."""
_HEADER = (
    "| offered/s | goodput/s | share | TTFT p50 | p95 | latency p95 | TPOT p95 | overloaded | failed | 429 after p95 "
    "| in flight | Little's law | late p95 | cores: service | client | holds |\n|" + "---|" * 16
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """The result of a search. `rate` is 0 and `overload` is None if not even the first step held."""

    rate: float
    steps: Sequence[LoadResult]
    """Sorted by their rate."""
    overload: LoadResult | None
    """The step at `OVERLOAD_FACTOR` times the knee."""
    objectives: Objectives

    @property
    def configuration(self) -> Mapping[str, Any]:
        return self.steps[0].configuration

    @property
    def faults(self) -> list[str]:
        """What the service did wrong under overload, or that it held no step at all."""
        if not self.overload:
            return ["not even the first step held"]
        return [f"at {OVERLOAD_FACTOR} x the knee: {fault}" for fault in find_faults(self.overload)]

    @property
    def invalid_because(self) -> list[str]:
        """Why a step does not measure the service. One invalid step misleads the search, so the knee is invalid."""
        return [
            f"at {step.configuration['rate']:.1f}/s: {reason}"
            for step in (*self.steps, *([self.overload] if self.overload else []))
            for reason in step.invalid
        ]

    @property
    def is_good(self) -> bool:
        return not self.faults and not self.invalid_because

    @property
    def verdict(self) -> str:
        summary = f"The knee: {self.rate:.1f} requests per second."
        if self.rate and all(holds(step, self.objectives) for step in self.steps):
            summary = f"The knee is above {self.rate:.1f} requests per second, the last step that --most allows."
        invalid = [f"INVALID {reason}" for reason in self.invalid_because]
        return "\n".join([summary, *invalid, *(f"FAULT: {fault}" for fault in self.faults)])

    def to_table(self) -> str:
        lines = [_HEADER, *(self._to_row(step) for step in self.steps)]
        if self.overload:
            lines += [f"\n{OVERLOAD_FACTOR} x the knee:\n\n{_HEADER}", self._to_row(self.overload)]
            lines.append(f"\n{self.overload.to_table()}")
        return "\n".join(lines)

    def to_json(self) -> Any:
        return {
            "knee": self.rate,
            "steps": [step.to_json() for step in self.steps],
            "beyond": self.overload.to_json() if self.overload else None,
            "valid": not self.invalid_because,
            "faults": self.faults,
        }

    def _to_row(self, step: LoadResult) -> str:
        metrics, law, cores = step.metrics, step.metrics.in_flight, step.samples.cores
        times = (metrics.ttft.p50, metrics.ttft.p95, metrics.latency.p95, metrics.tpot.p95)
        cells = [
            f"{metrics.rate:.1f}",
            f"{metrics.goodput:.1f}",
            f"{metrics.goodput_share:.1%}",
            *(f"{time:.3f}" for time in times),
            f"{metrics.overloaded}",
            f"{metrics.failed}",
            f"{metrics.overloaded_latency.p95:.3f}" if metrics.overloaded else "-",
            f"{law.in_flight:.1f}",
            f"{law.error:+.1%}",
            f"{metrics.late.p95:.3f}",
            f"{cores['service']:.2f}" if "service" in cores else "-",
            f"{cores['client']:.2f}",
            "yes" if holds(step, self.objectives) else "no",
        ]
        return f"| {' | '.join(cells)} |"


async def find_knee(measure: Measure, objectives: Objectives, *, start: float, most: float) -> Knee:
    """Search between `start` and `most` requests per second. Raise `ValueError` if `start` is above `most`."""
    if start > most:
        raise ValueError(f"the first rate (--start {start:g}) is above the last (--most {most:g})")
    steps: list[LoadResult] = []

    async def holds_at(rate: float) -> bool:
        steps.append(await measure(rate))
        return holds(steps[-1], objectives)

    good, bad = 0.0, start
    while bad <= most and await holds_at(bad):
        good, bad = bad, bad * _GROWTH
    for _ in range(_BISECTIONS if good and bad <= most else 0):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if await holds_at(middle) else (good, middle)
    overload = await measure(OVERLOAD_FACTOR * good) if good else None
    ascending = sorted(steps, key=lambda step: float(step.configuration["rate"]))
    return Knee(rate=good, steps=ascending, overload=overload, objectives=objectives)


def holds(step: LoadResult, objectives: Objectives) -> bool:
    """Return whether the step was served well. If nothing was answered, TTFT is NaN and the step does not hold."""
    return step.metrics.goodput_share >= _MIN_GOODPUT_SHARE and step.metrics.ttft.p95 <= objectives.ttft


def find_faults(overload: LoadResult) -> list[str]:
    """Return what a service must not do under overload. A 429 with Retry-After is correct."""
    metrics, samples = overload.metrics, overload.samples
    faults = []
    if metrics.overloaded_without_retry_after:
        faults.append(f"{metrics.overloaded_without_retry_after} requests got a 429 without Retry-After")
    if metrics.failed:
        faults.append(f"{metrics.failed} requests failed instead of getting a 429")
    faults += [
        f"{deepest:.0f} calls were seen at the gate {gate}, whose capacity is {samples.capacity[gate]:.0f}"
        for gate, deepest in samples.deepest.items()
        if deepest > samples.capacity[gate]
    ]
    return faults
