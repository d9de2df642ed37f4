"""The objectives, and the rules that follow from them: multi-window, multi-burn-rate, as the SRE workbook has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
FIRST_TEXT_BOUNDARIES = (0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 5.0, 7.5, 10.0)
RATIO = "job:slo_errors_per_request:ratio_rate"
RUNBOOKS = "docs/operations/runbooks"
# Two failures among ten questions of a quiet night are no outage.
_LEAST_EVENTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """A share of good events; `bad` and `total` are PromQL, summed by job, with `$w` for the window and `$on` for more
    matchers: those of a dashboard.
    """

    name: str
    alert: str
    objective: float
    bad: str
    total: str
    promise: str
    """What a person is promised, as a sentence."""
    seconds: float | None = None
    """Within which an event is good, where that is a matter of time."""
    pages: bool = True
    """Whether anybody is woken; otherwise a fast burn is a ticket too."""

    def ratio(self, window: str) -> str:
        """The share of bad events; nothing where there were none at all."""
        return _over(window, f"{self.bad} / ({self.total} > 0)")

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.objective, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """A pace at which the budget of 30 days is spent: over the long window, and still over the short one."""

    factor: float
    long: str
    short: str


FAST = (Burn(factor=14.4, long="1h", short="5m"), Burn(factor=6, long="6h", short="30m"))
SLOW = (Burn(factor=3, long="1d", short="2h"), Burn(factor=1, long="3d", short="6h"))


def slos(*, first_text_seconds: float = 2.0) -> tuple[Slo, ...]:
    """What is promised; the threshold of the first text must be one of the histogram's boundaries."""
    return (
        Slo(
            name="availability",
            alert="AvailabilityBudgetBurning",
            objective=0.999,
            bad='sum by (job) (rate(rag_requests_total{$on,route=~"/v1/.*",outcome="error"}[$w]))',
            total='sum by (job) (rate(rag_requests_total{$on,route=~"/v1/.*",outcome!="cancelled"}[$w]))',
            promise="99.9 % of requests to /v1 end without a 5xx, a 429 or a broken stream",
        ),
        Slo(
            name="first_token",
            alert="FirstTokenBudgetBurning",
            objective=0.95,
            bad=_slower("rag_time_to_first_token_seconds", first_text_seconds),
            total=_all("rag_time_to_first_token_seconds"),
            promise=f"95 % of answers begin within {first_text_seconds:g} s",
            seconds=first_text_seconds,
        ),
        Slo(
            name="freshness",
            alert="FreshnessBudgetBurning",
            objective=0.99,
            bad=_slower("rag_ingest_freshness_seconds", 300.0),
            total=_all("rag_ingest_freshness_seconds"),
            promise="99 % of documents can be found 5 minutes after they were put into the inbox",
            seconds=300.0,
            pages=False,
        ),
        Slo(
            name="groundedness",
            alert="GroundednessBudgetBurning",
            objective=0.95,
            bad="("
            'sum by (job) (rate(rag_answers_total{$on,mode!="refused"}[$w]))'
            " - sum by (job) (rate(rag_cited_answers_total{$on}[$w])))",
            total='sum by (job) (rate(rag_answers_total{$on,mode!="refused"}[$w]))',
            promise="95 % of answers that are no refusal cite a passage",
            pages=False,
        ),
    )


def rules(objectives: Sequence[Slo]) -> dict[str, Any]:
    """A file of rules: for each objective its error ratio over every window, and its alerts."""
    return {"groups": [_group(slo) for slo in objectives]}


def _all(histogram: str) -> str:
    return f"sum by (job) (rate({histogram}_count{{$on}}[$w]))"


def _slower(histogram: str, seconds: float) -> str:
    return f'({_all(histogram)} - sum by (job) (rate({histogram}_bucket{{$on,le="{seconds}"}}[$w])))'


def _group(slo: Slo) -> dict[str, Any]:
    ratios = [
        {"record": f"{RATIO}{window}", "expr": slo.ratio(window), "labels": {"slo": slo.name}} for window in WINDOWS
    ]
    objective = {"record": "slo:objective:ratio", "expr": f"vector({slo.objective})", "labels": {"slo": slo.name}}
    alerts = [_alert(slo, FAST, "page" if slo.pages else "ticket", "fast"), _alert(slo, SLOW, "ticket", "slow")]
    return {"name": f"groundwork-slo-{slo.name.replace('_', '-')}", "rules": [*ratios, objective, *alerts]}


def _alert(slo: Slo, burns: Sequence[Burn], severity: str, pace: str) -> dict[str, Any]:
    days = {"fast": "within days", "slow": "before the month is over"}[pace]
    return {
        "alert": slo.alert,
        "expr": " or ".join(f"({_burning(slo, burn)})" for burn in burns),
        # An alert that comes and goes with every dip wakes people more than once for one thing.
        "keep_firing_for": "5m",
        "labels": {"severity": severity, "slo": slo.name, "burn": pace},
        "annotations": {
            "summary": f"The error budget of {slo.name.replace('_', ' ')} is being spent {days}",
            "description": f"Promised: {slo.promise}. Missed now: {{{{ $value | humanizePercentage }}}}; "
            f"{slo.budget:.1%} of 30 days is the budget.",
            "runbook_url": f"{RUNBOOKS}/{slo.alert}.md",
        },
    }


def _burning(slo: Slo, burn: Burn) -> str:
    threshold = f"{burn.factor * slo.budget:.6g}"
    events = _over(burn.long, f"{slo.total} >= {_LEAST_EVENTS}").replace("rate(", "increase(")
    return (
        f'{RATIO}{burn.long}{{slo="{slo.name}"}} > {threshold}'
        f' and {RATIO}{burn.short}{{slo="{slo.name}"}} > {threshold}'
        f" and on (job) {events}"
    )


def _over(window: str, expression: str) -> str:
    return expression.replace("{$on}", "").replace("$on,", "").replace("$w", window)
