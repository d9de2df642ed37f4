"""The knee: the highest rate at which what is offered is still served well; and what happens far beyond it.

A step holds when goodput is at least 95 % of what was offered and the p95 of TTFT is within its objective. Rates grow
by steps until one does not hold, then the gap is halved.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtests.figures import Objectives
from loadtests.report import Result

BEYOND = 4
_LEAST_GOODPUT = 0.95
_GROWTH = 1.5
_HALVINGS = 2
Measure = Callable[[float], Awaitable[Result]]
"""One step at that many requests a second."""
_HEADER = (
    "| offered/s | goodput/s | share | TTFT p50 | p95 | latency p95 | TPOT p95 | refused | failed | heard of it p95 "
    "| in flight | Little's law | late p95 | cores: service | client | holds |\n|" + "---|" * 16
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """`rate` is 0 where not even the first step held; then there is nothing beyond."""

    rate: float
    steps: Sequence[Result]
    """In ascending order of their rate."""
    beyond: Result | None
    objectives: Objectives

    @property
    def configuration(self) -> Mapping[str, Any]:
        return self.steps[0].configuration

    @property
    def faults(self) -> list[str]:
        """What a service must not do when far more is offered than it can serve, or holding nothing at all."""
        if not self.beyond:
            return ["not even the first step held"]
        return [f"at {BEYOND} x the knee: {fault}" for fault in faults_of(self.beyond)]

    @property
    def doubts(self) -> list[str]:
        """Why a step says nothing of the service; as each of them led the search, neither does the knee."""
        return [
            f"at {step.configuration['rate']:.1f}/s: {reason}"
            for step in (*self.steps, *([self.beyond] if self.beyond else []))
            for reason in step.invalid
        ]

    @property
    def is_good(self) -> bool:
        return not self.faults and not self.doubts

    @property
    def verdict(self) -> str:
        found = f"The knee: {self.rate:.1f} requests a second."
        if self.rate and all(holds(step, self.objectives) for step in self.steps):
            found = f"The knee is beyond {self.rate:.1f} requests a second, the last step that --most allows."
        doubts, faults = [f"INVALID {doubt}" for doubt in self.doubts], [f"FAULT: {fault}" for fault in self.faults]
        return "\n".join([found, *doubts, *faults])

    def to_table(self) -> str:
        rows = [self._to_row(step) for step in self.steps]
        beyond = [f"\n{BEYOND} x the knee:\n\n{_HEADER}", self._to_row(self.beyond)] if self.beyond else []
        detail = [f"\n{self.beyond.to_table()}"] if self.beyond else []
        return "\n".join([_HEADER, *rows, *beyond, *detail])

    def to_json(self) -> Any:
        return {
            "knee": self.rate,
            "steps": [step.to_json() for step in self.steps],
            "beyond": self.beyond.to_json() if self.beyond else None,
            "valid": not self.doubts,
            "faults": self.faults,
        }

    def _to_row(self, step: Result) -> str:
        figures, law, cores = step.figures, step.figures.in_flight, step.watched.cores
        times = (figures.ttft.p50, figures.ttft.p95, figures.latency.p95, figures.tpot.p95)
        cells = [
            f"{figures.rate:.1f}",
            f"{figures.goodput:.1f}",
            f"{figures.goodput_share:.1%}",
            *(f"{time:.3f}" for time in times),
            f"{figures.refused}",
            f"{figures.failed}",
            f"{figures.refusal.p95:.3f}" if figures.refused else "-",
            f"{law.in_flight:.1f}",
            f"{law.error:+.1%}",
            f"{figures.late.p95:.3f}",
            f"{cores['service']:.2f}" if "service" in cores else "-",
            f"{cores['client']:.2f}",
            "yes" if holds(step, self.objectives) else "no",
        ]
        return f"| {' | '.join(cells)} |"


async def find_knee(measure: Measure, objectives: Objectives, *, start: float, most: float) -> Knee:
    """Stops at `most` requests a second even where all is well; raises `ValueError` where it may not even start."""
    if start > most:
        raise ValueError(f"the first rate (--start {start:g}) is above the last (--most {most:g})")
    steps: list[Result] = []

    async def holds_at(rate: float) -> bool:
        steps.append(await measure(rate))
        return holds(steps[-1], objectives)

    good, bad = 0.0, start
    while bad <= most and await holds_at(bad):
        good, bad = bad, bad * _GROWTH
    for _ in range(_HALVINGS if good and bad <= most else 0):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if await holds_at(middle) else (good, middle)
    beyond = await measure(BEYOND * good) if good else None
    ascending = sorted(steps, key=lambda step: float(step.configuration["rate"]))
    return Knee(rate=good, steps=ascending, beyond=beyond, objectives=objectives)


def holds(step: Result, objectives: Objectives) -> bool:
    """NaN, where nothing was answered, does not hold."""
    return step.figures.goodput_share >= _LEAST_GOODPUT and step.figures.ttft.p95 <= objectives.ttft


def faults_of(beyond: Result) -> list[str]:
    figures, watched = beyond.figures, beyond.watched
    faults = []
    if figures.refused_without_retry_after:
        faults.append(f"{figures.refused_without_retry_after} requests were refused without Retry-After")
    if figures.failed:
        faults.append(f"{figures.failed} requests failed instead of being refused")
    faults += [
        f"{deepest:.0f} calls were seen at the gate {gate}, which holds {watched.capacity[gate]:.0f}"
        for gate, deepest in watched.deepest.items()
        if deepest > watched.capacity[gate]
    ]
    return faults
