"""What a run was and came to: as a table for the terminal, and as JSON for programs."""

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from loadtests.figures import DEFINITIONS, Figures, Spread
from loadtests.open_loop import Run
from loadtests.watching import Watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A run with what it was and what is thought of it."""

    configuration: Mapping[str, Any]
    figures: Figures
    watched: Watched
    invalid: Sequence[str] = ()
    """Why this is no measurement of the service."""
    missed: Sequence[str] = ()
    """Thresholds that the run did not keep to."""
    run: Run = field(repr=False)

    @property
    def is_good(self) -> bool:
        return not self.invalid and not self.missed

    @property
    def verdict(self) -> str:
        lines = [f"INVALID: {reason}" for reason in self.invalid] + [f"MISSED: {miss}" for miss in self.missed]
        return "\n".join(lines) or "Every threshold is kept."

    def to_json(self) -> Any:
        whole = {
            "definitions": DEFINITIONS,
            "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
            "configuration": self.configuration,
            "figures": self.figures.to_json(),
            "service": asdict(self.watched),
            "valid": not self.invalid,
            "invalid_because": list(self.invalid),
            "missed": list(self.missed),
        }
        return _without_nan(whole)

    def to_table(self) -> str:
        figures = self.figures
        spreads = {"TTFT": figures.ttft, "TPOT": figures.tpot, "ITL": figures.itl, "latency": figures.latency}
        rows = [_row(name, spread) for name, spread in (spreads | {"late": figures.late}).items()]
        names = ("min", "mean", "p50", "p90", "p95", "p99", "max")
        head = "".join(f"{text:>9}" for text in ("n", *names))
        return "\n".join([f"{'seconds':9}{head}", *rows, "", *_sentences(figures, self.watched)])


def _row(name: str, spread: Spread) -> str:
    times = (spread.min, spread.mean, spread.p50, spread.p90, spread.p95, spread.p99, spread.max)
    return f"{name:9}{spread.count:>9}" + "".join(f"{time:>9.3f}" for time in times)


def _sentences(figures: Figures, watched: Watched) -> list[str]:
    law = figures.in_flight
    own = sum(watched.in_flight) / len(watched.in_flight) if watched.in_flight else math.nan
    gates = ", ".join(
        f"{gate} {deepest:.0f} of {watched.capacity.get(gate, math.nan):.0f}"
        for gate, deepest in watched.deepest.items()
    )
    return [
        f"{figures.requests} requests in {figures.seconds:.0f} s ({figures.rate:.2f}/s): {figures.answered} answered "
        f"({figures.declined} declined, {figures.declined_share:.1%}), {figures.refused} refused "
        f"({figures.refused_without_retry_after} without Retry-After), {figures.failed} failed",
        *(f"  {count} x {reason}" for reason, count in figures.reasons.items()),
        f"goodput {figures.goodput:.2f}/s, {figures.goodput_share:.1%} of all requests",
        f"Little's law: {law.in_flight:.2f} in flight, {law.rate:.2f}/s x {law.mean_time:.3f} s = "
        f"{law.rate * law.mean_time:.2f}: error {law.error:+.1%}; the service counted {own:.2f}",
        f"deepest gates: {gates or 'none seen'}",
        "cores used: " + ", ".join(f"{name} {cores:.2f}" for name, cores in watched.cores.items()),
    ]


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: what was not measured is null."""
    match value:
        case float() if math.isnan(value):
            return None
        case dict():
            return {key: _without_nan(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_without_nan(inner) for inner in value]
        case _:
            return value
