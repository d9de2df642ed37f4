"""What a good answer keeps to, and what a run must keep to: read from a small file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loadtests.figures import Figures, Objectives

SHIPPED = Path(__file__).with_name("limits.toml")
# A late client measures itself; both bounds are generous to a machine with other work, and small beside any objective.
_LATE_SECONDS = 0.02
_LATE_SHARE_OF_TTFT = 0.1
_CLIENT_CORES = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """See `limits.toml`."""

    objectives: Objectives
    thresholds: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> "Limits":
        """Raises ValueError with a sentence where a threshold has a name that no figure has."""
        found = tomllib.loads(path.read_text())
        if unknown := set(found["thresholds"]) - set(_MEASURED):
            known = ", ".join(_MEASURED)
            raise ValueError(f"{path}: nothing is measured for the threshold {', '.join(unknown)}. Known: {known}.")
        return cls(objectives=Objectives(**found["objectives"]), thresholds=found["thresholds"])

    def missed_by(self, figures: Figures) -> list[str]:
        """A sentence for each threshold that the run does not keep to; a figure that could not be measured misses."""
        return [
            f"{name} is {_MEASURED[name](figures):.4g}, the threshold is {limit:g}"
            for name, limit in self.thresholds.items()
            if not _keeps(name, _MEASURED[name](figures), limit)
        ]


_MEASURED = {
    "ttft_p95": lambda figures: figures.ttft.p95,
    "tpot_p95": lambda figures: figures.tpot.p95,
    "latency_p95": lambda figures: figures.latency.p95,
    "goodput_share": lambda figures: figures.goodput_share,
    "declined_share": lambda figures: figures.declined_share,
    "refused": lambda figures: figures.refused,
    "failed": lambda figures: figures.failed,
    "littles_law_error": lambda figures: abs(figures.in_flight.error),
}
_AT_LEAST = {"goodput_share"}


def _keeps(name: str, measured: float, limit: float) -> bool:
    # NaN keeps to nothing.
    return measured >= limit if name in _AT_LEAST else measured <= limit


def why_invalid(figures: Figures, client_cores: float) -> list[str]:
    """Empty unless the client was the bottleneck: then the run says nothing of the service."""
    reasons = []
    bound = max(_LATE_SECONDS, _LATE_SHARE_OF_TTFT * figures.ttft.p50) if figures.answered else _LATE_SECONDS
    if figures.late.p95 > bound:
        reasons.append(f"requests were sent late: p95 {figures.late.p95:.3f} s, at most {bound:.3f} s is taken")
    if figures.unsent:
        reasons.append(f"{figures.unsent} requests were not sent: too many were in flight already")
    if client_cores > _CLIENT_CORES:
        reasons.append(f"the client used {client_cores:.2f} cores, and one is all it has")
    return reasons
