"""Service level objectives and the multi-window, multi-burn-rate rules derived from them.

The method and the burn rates are those of Google's SRE workbook, chapter "Alerting on SLOs".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
FIRST_TEXT_BOUNDARIES = (0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 5.0, 7.5, 10.0)
RATIO = "job:slo_errors_per_request:ratio_rate"
RUNBOOKS = "docs/operations/runbooks"
# Below this number of events an error ratio says little: two failures in a quiet night's ten questions would page.
_MIN_EVENTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """A service level objective: the ratio of good events that the service promises.

    `bad` and `total` are PromQL, summed by job. `$w` stands for the window and `$on` for a dashboard's label matchers.
    """

    name: str
    alert: str
    objective: float
    bad: str
    total: str
    promise: str
    """The objective as a sentence without a full stop."""
    seconds: float | None = None
    """The latency threshold of a good event. None if the objective is not about latency."""
    suspicious: str = ""
    """Events, as PromQL, that are neither good nor bad. If there are no others, the ratio of bad events is 1."""
    pages: bool = True
    """True if a fast burn pages. If false, it raises a ticket."""

    def ratio(self, window: str) -> str:
        """Return the expression for the ratio of bad events. It yields no sample if there were no events."""
        ratio = f"{self.bad} / ({self.total} > 0)"
        return _over(window, f"{ratio} or ({self.suspicious} > 0) * 0 + 1" if self.suspicious else ratio)

    @property
    def budget(self) -> float:
        """The error budget: the ratio of events that may be bad."""
        return round(1 - self.objective, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """A burn rate that must be exceeded over the long window and, to show that it still lasts, over the short one."""

    factor: float
    long: str
    short: str


FAST = (Burn(factor=14.4, long="1h", short="5m"), Burn(factor=6, long="6h", short="30m"))
SLOW = (Burn(factor=3, long="1d", short="2h"), Burn(factor=1, long="3d", short="6h"))


def slos(*, first_text_seconds: float = 2.0) -> tuple[Slo, ...]:
    """Return the objectives. `first_text_seconds` must be one of `FIRST_TEXT_BOUNDARIES`."""
    return (
        Slo(
            name="availability",
            alert="AvailabilityBudgetBurning",
            objective=0.999,
            bad=_requests("error|overloaded|abandoned"),
            # Invalid requests are the client's fault, and a reader who leaves early or with a part was not failed.
            total=_requests("ok|error|overloaded|abandoned"),
            # If every request ends because its client left, none was answered. Without this there would be no ratio.
            suspicious=_requests("cancelled"),
            promise="99.9 % of valid requests to /v1 end without a 5xx, a 429, a broken stream or a reader who gave up",
        ),
        Slo(
            name="first_token",
            alert="FirstTokenBudgetBurning",
            objective=0.95,
            bad=_slower("rag_time_to_first_token_seconds", first_text_seconds),
            total=_all("rag_time_to_first_token_seconds"),
            promise=f"95 % of answers send their first token within {first_text_seconds:g} s",
            seconds=first_text_seconds,
        ),
        Slo(
            name="freshness",
            alert="FreshnessBudgetBurning",
            objective=0.99,
            bad=_slower("rag_ingest_freshness_seconds", 300.0),
            total=_all("rag_ingest_freshness_seconds"),
            promise="99 % of documents are searchable within 5 minutes of their arrival in the inbox",
            seconds=300.0,
            pages=False,
        ),
        Slo(
            name="groundedness",
            alert="GroundednessBudgetBurning",
            objective=0.95,
            bad="("
            'sum by (job) (rate(rag_answers_total{$on,mode!="declined"}[$w]))'
            " - sum by (job) (rate(rag_cited_answers_total{$on}[$w])))",
            total='sum by (job) (rate(rag_answers_total{$on,mode!="declined"}[$w]))',
            promise="95 % of answers, declined ones excluded, cite a passage",
            pages=False,
        ),
    )


def rules(objectives: Sequence[Slo]) -> dict[str, Any]:
    """Return the content of a rule file: for each objective its error ratios, its target and its alerts."""
    return {"groups": [_group(slo) for slo in objectives]}


def _requests(outcomes: str) -> str:
    return f'sum by (job) (rate(rag_requests_total{{$on,route=~"/v1/.*",outcome=~"{outcomes}"}}[$w]))'


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
    exhausted = {"fast": "within five days", "slow": "within 30 days"}[pace]
    return {
        "alert": slo.alert,
        "expr": " or ".join(f"({_burning(slo, burn)})" for burn in burns),
        # Without this the alert resolves at every dip of the ratio and pages again for the same incident.
        "keep_firing_for": "5m",
        "labels": {"severity": severity, "slo": slo.name, "burn": pace},
        "annotations": {
            "summary": f"The error budget for {slo.name.replace('_', ' ')} will be exhausted {exhausted}",
            "description": f"Objective: {slo.promise}. Currently {{{{ $value | humanizePercentage }}}} of events miss "
            f"it. The error budget is {slo.budget:.1%} over 30 days.",
            "runbook_url": f"{RUNBOOKS}/{slo.alert}.md",
        },
    }


def _burning(slo: Slo, burn: Burn) -> str:
    threshold = f"{burn.factor * slo.budget:.6g}"
    enough = " or ".join(f"{events} >= {_MIN_EVENTS}" for events in (slo.total, slo.suspicious) if events)
    events = _over(burn.long, enough).replace("rate(", "increase(")
    return (
        f'{RATIO}{burn.long}{{slo="{slo.name}"}} > {threshold}'
        f' and {RATIO}{burn.short}{{slo="{slo.name}"}} > {threshold}'
        f" and on (job) ({events})"
    )


def _over(window: str, expression: str) -> str:
    return expression.replace("{$on}", "").replace("$on,", "").replace("$w", window)
