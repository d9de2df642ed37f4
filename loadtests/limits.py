"""The objectives of a good answer and the thresholds of a run, read from a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loadtests.metrics import Objectives, RunMetrics

DEFAULT_FILE = Path(__file__).with_name("limits.toml")
# A client that sends late measures its own delay. Both bounds tolerate other work on the machine, and are small beside
# every objective (ADR 0032).
_MAX_LATE_SECONDS = 0.02
_MAX_LATE_SHARE_OF_TTFT = 0.1
# The client is one event loop, so one core is its limit.
_MAX_CLIENT_CORES = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The content of a file such as `limits.toml`."""

    objectives: Objectives
    thresholds: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> "Limits":
        """Raise `ValueError` if a threshold has an unknown name."""
        content = tomllib.loads(path.read_text())
        if unknown := set(content["thresholds"]) - set(_METRICS):
            known = ", ".join(_METRICS)
            raise ValueError(f"{path}: {', '.join(unknown)} is not a known threshold. Use one of: {known}.")
        return cls(objectives=Objectives(**content["objectives"]), thresholds=content["thresholds"])

    def missed_by(self, metrics: RunMetrics) -> list[str]:
        """Return a sentence for each threshold that the run misses. A value that could not be measured misses."""
        return [
            f"{name} is {_METRICS[name](metrics):.4g}, the threshold is {limit:g}"
            for name, limit in self.thresholds.items()
            if not _is_within(name, _METRICS[name](metrics), limit)
        ]


_METRICS = {
    "ttft_p95": lambda metrics: metrics.ttft.p95,
    "tpot_p95": lambda metrics: metrics.tpot.p95,
    "latency_p95": lambda metrics: metrics.latency.p95,
    "goodput_share": lambda metrics: metrics.goodput_share,
    "declined_share": lambda metrics: metrics.declined_share,
    "overloaded": lambda metrics: metrics.overloaded,
    "failed": lambda metrics: metrics.failed,
    "littles_law_error": lambda metrics: abs(metrics.in_flight.error),
}
_MINIMUMS = {"goodput_share"}


def _is_within(name: str, value: float, limit: float) -> bool:
    # Both comparisons are false for NaN.
    return value >= limit if name in _MINIMUMS else value <= limit


def why_invalid(metrics: RunMetrics, client_cores: float) -> list[str]:
    """Return why the client was the bottleneck, in which case the run does not measure the service."""
    reasons = []
    bound = _MAX_LATE_SECONDS
    if metrics.answered:
        bound = max(bound, _MAX_LATE_SHARE_OF_TTFT * metrics.ttft.p50)
    if metrics.late.p95 > bound:
        reasons.append(f"requests were sent late: p95 is {metrics.late.p95:.3f} s, the limit is {bound:.3f} s")
    if metrics.unsent:
        reasons.append(f"{metrics.unsent} requests were not sent because too many were in flight")
    if client_cores > _MAX_CLIENT_CORES:
        reasons.append(f"the client used {client_cores:.2f} cores, and it can use only one")
    return reasons
