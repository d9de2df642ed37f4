"""What the gate compares with: accepted values, their noise, the scores of single questions, and why they are so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from evals.answers.results import Conditions
from evals.statistics import Difference, Interval, bootstrap, compare_means
from rag.errors import InvalidInput

BASELINE = Path(__file__).parent / "baselines" / "golden.json"

Scores = Mapping[str, float]
"""Question id to value, of those to which the metric applies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One accepted metric."""

    value: float
    noise: Interval
    """95 % interval of the mean over questions."""
    questions: int
    reason: str
    date: str
    scores: Scores

    @property
    def floor(self) -> float:
        return self.noise[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Every watched metric, and what it was measured under."""

    conditions: Conditions
    metrics: Mapping[str, Metric]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricVerdict:
    """What became of one metric."""

    metric: str
    outcome: Literal["held", "fell", "rose", "missing", "new"]
    before: Metric | None
    now: float | None
    difference: Difference | None
    """Paired by question, over the questions that both were asked."""

    @property
    def is_red(self) -> bool:
        return self.outcome in {"fell", "missing"}


def judge(accepted: Baseline, now: Mapping[str, Scores]) -> list[MetricVerdict]:
    """Every metric of either side, over the questions that were asked on both."""
    shared = _asked(now) & _asked({name: metric.scores for name, metric in accepted.metrics.items()})
    before = {name: _over(shared, metric) for name, metric in accepted.metrics.items()}
    return [_judge(name, before.get(name), now.get(name, {}), shared) for name in dict.fromkeys([*now, *before])]


def update(
    accepted: Baseline | None, now: Mapping[str, Scores], conditions: Conditions, *, reason: str, date: str
) -> Baseline:
    """A metric whose scores are what they were keeps its reason and date."""
    known = accepted.metrics if accepted else {}
    metrics = {
        name: known[name] if name in known and known[name].scores == scores else _accepted(scores, reason, date)
        for name, scores in now.items()
        if scores
    }
    return Baseline(conditions=conditions, metrics=metrics)


def read_baseline(path: Path) -> Baseline:
    """Raises `InvalidInput`."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        metrics = {
            name: Metric(**{**metric, "noise": tuple(metric["noise"])}) for name, metric in written["metrics"].items()
        }
        return Baseline(conditions=written["conditions"], metrics=metrics)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f'{path} is no baseline ({error}). `make eval-accept REASON="…"` writes one.') from error


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Each metric's scores on one line, so that a change of it can be read in a diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metrics = ",\n".join(f"  {json.dumps(name)}: {_to_json(metric)}" for name, metric in baseline.metrics.items())
    conditions = json.dumps(dict(baseline.conditions), indent=2).replace("\n", "\n ")
    path.write_text(f'{{\n "conditions": {conditions},\n "metrics": {{\n{metrics}\n }}\n}}\n', encoding="utf-8")


def _asked(scores: Mapping[str, Scores]) -> frozenset[str]:
    return frozenset(question for values in scores.values() for question in values)


def _over(shared: frozenset[str], metric: Metric) -> Metric:
    """Value and noise of these questions alone: easy questions that are gone must not pass for a loss of the others."""
    scores = {question: score for question, score in metric.scores.items() if question in shared}
    return metric if scores in ({}, metric.scores) else _accepted(scores, metric.reason, metric.date)


def _judge(name: str, before: Metric | None, scores: Scores, shared: frozenset[str]) -> MetricVerdict:
    values = [value for question, value in scores.items() if before is None or question in shared]
    mean = sum(values) / len(values) if values else None
    difference = _difference(before, scores, shared) if before else None
    return MetricVerdict(
        metric=name, outcome=_outcome(before, mean, difference), before=before, now=mean, difference=difference
    )


def _outcome(
    before: Metric | None, now: float | None, difference: Difference | None
) -> Literal["held", "fell", "rose", "missing", "new"]:
    if before is None:
        return "new"
    if now is None:
        return "missing"
    # The noise of the mean is wide, as questions differ. That of the same questions asked twice is narrow, and tells a
    # change that makes a few of them worse and none better.
    low, high = difference.interval if difference else (0.0, 0.0)
    if now < before.noise[0] or high < 0:
        return "fell"
    return "rose" if now > before.noise[1] or low > 0 else "held"


def _difference(before: Metric, scores: Scores, shared: frozenset[str]) -> Difference | None:
    """Paired by question; a metric may apply to a question on one side only."""
    asked = [question for question in dict.fromkeys([*before.scores, *scores]) if question in shared]
    new: Sequence[float | None] = [scores.get(question) for question in asked]
    old: Sequence[float | None] = [before.scores.get(question) for question in asked]
    return compare_means(new, old) if asked else None


def _accepted(scores: Scores, reason: str, date: str) -> Metric:
    values = list(scores.values())
    return Metric(
        value=round(sum(values) / len(values), 4),
        noise=_noise(values),
        questions=len(values),
        reason=reason,
        date=date,
        scores=scores,
    )


def _noise(values: Sequence[float]) -> Interval:
    low, high = bootstrap(values)
    if low == high:
        # All alike, so the bootstrap sees no noise: the rule of three (Hanley and Lippman-Hand, 1983).
        low, high = max(0.0, low - 3 / len(values)), min(1.0, high + 3 / len(values))
    return round(low, 4), round(high, 4)


def _to_json(metric: Metric) -> str:
    fields = asdict(metric)
    lines = [f'   "{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in fields.items()]
    return "{\n" + ",\n".join(lines) + "\n  }"
