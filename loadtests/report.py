"""The result of a run: as a table for the terminal, and as JSON for programs."""

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from loadtests.metrics import DEFINITIONS, Distribution, RunMetrics
from loadtests.open_loop import LoadRun
from loadtests.sampling import ServiceSamples


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """A run with its configuration, its metrics and their assessment."""

    configuration: Mapping[str, Any]
    metrics: RunMetrics
    samples: ServiceSamples
    invalid: Sequence[str] = ()
    """Why the run does not measure the service."""
    missed: Sequence[str] = ()
    """The thresholds that the run misses."""
    run: LoadRun = field(repr=False)

    @property
    def is_good(self) -> bool:
        return not self.invalid and not self.missed

    @property
    def verdict(self) -> str:
        lines = [f"INVALID: {reason}" for reason in self.invalid] + [f"MISSED: {miss}" for miss in self.missed]
        return "\n".join(lines) or "The run meets every threshold."

    def to_json(self) -> Any:
        report = {
            "definitions": DEFINITIONS,
            "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
            "configuration": self.configuration,
            "figures": self.metrics.to_json(),
            "service": asdict(self.samples),
            "valid": not self.invalid,
            "invalid_because": list(self.invalid),
            "missed": list(self.missed),
        }
        return _replace_nan(report)

    def to_table(self) -> str:
        metrics = self.metrics
        distributions = {
            "TTFT": metrics.ttft,
            "TPOT": metrics.tpot,
            "ITL": metrics.itl,
            "latency": metrics.latency,
            "late": metrics.late,
        }
        rows = [_to_row(name, distribution) for name, distribution in distributions.items()]
        columns = ("n", "min", "mean", "p50", "p90", "p95", "p99", "max")
        head = "".join(f"{column:>9}" for column in columns)
        return "\n".join([f"{'seconds':9}{head}", *rows, "", *_to_sentences(metrics, self.samples)])


def _to_row(name: str, of: Distribution) -> str:
    times = (of.min, of.mean, of.p50, of.p90, of.p95, of.p99, of.max)
    return f"{name:9}{of.count:>9}" + "".join(f"{time:>9.3f}" for time in times)


def _to_sentences(metrics: RunMetrics, samples: ServiceSamples) -> list[str]:
    law = metrics.in_flight
    counted_by_service = sum(samples.in_flight) / len(samples.in_flight) if samples.in_flight else math.nan
    gates = ", ".join(
        f"{gate} {deepest:.0f} of {samples.capacity.get(gate, math.nan):.0f}"
        for gate, deepest in samples.deepest.items()
    )
    return [
        f"{metrics.requests} requests in {metrics.seconds:.0f} s ({metrics.rate:.2f}/s): {metrics.answered} answered "
        f"({metrics.declined} declined, {metrics.declined_share:.1%}), {metrics.overloaded} overloaded "
        f"({metrics.overloaded_without_retry_after} without Retry-After), {metrics.failed} failed",
        *(f"  {count} x {reason}" for reason, count in metrics.reasons.items()),
        f"goodput {metrics.goodput:.2f}/s, {metrics.goodput_share:.1%} of all requests",
        f"Little's law: {law.in_flight:.2f} in flight, {law.rate:.2f}/s x {law.mean_time:.3f} s = "
        f"{law.rate * law.mean_time:.2f}: error {law.error:+.1%}; the service counted {counted_by_service:.2f}",
        f"largest gate depth: {gates or 'not reported'}",
        "cores used: " + ", ".join(f"{name} {cores:.2f}" for name, cores in samples.cores.items()),
    ]


def _replace_nan(value: Any) -> Any:
    """Replace NaN, which JSON does not have, by null."""
    match value:
        case float() if math.isnan(value):
            return None
        case dict():
            return {key: _replace_nan(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_replace_nan(inner) for inner in value]
        case _:
            return value
