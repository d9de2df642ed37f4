"""The baseline of the gate: accepted values with their noise, scores per question, and the reason for them."""

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
"""Values by question id. Questions to which the metric does not apply are absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """An accepted metric."""

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
    """All accepted metrics, and the conditions of their measurement."""

    conditions: Conditions
    metrics: Mapping[str, Metric]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricVerdict:
    """The comparison of one metric with its baseline."""

    metric: str
    outcome: Literal["held", "fell", "rose", "missing", "new"]
    before: Metric | None
    now: float | None
    difference: Difference | None
    """The paired difference over the questions that both sides have."""

    @property
    def is_red(self) -> bool:
        return self.outcome in {"fell", "missing"}


def judge(accepted: Baseline, now: Mapping[str, Scores]) -> list[MetricVerdict]:
    """Compare all metrics over the questions that both sides have."""
    shared = _questions_of(now) & _questions_of({name: metric.scores for name, metric in accepted.metrics.items()})
    before = {name: _over(shared, metric) for name, metric in accepted.metrics.items()}
    return [_judge(name, before.get(name), now.get(name, {}), shared) for name in dict.fromkeys([*now, *before])]


def update(
    accepted: Baseline | None, now: Mapping[str, Scores], conditions: Conditions, *, reason: str, date: str
) -> Baseline:
    """Return a new baseline. A metric with unchanged scores keeps its reason and date."""
    known = accepted.metrics if accepted else {}
    metrics = {
        name: known[name] if name in known and known[name].scores == scores else _accepted(scores, reason, date)
        for name, scores in now.items()
        if scores
    }
    return Baseline(conditions=conditions, metrics=metrics)


def read_baseline(path: Path) -> Baseline:
    """Read a baseline. Raise `InvalidInput` if the file is missing or malformed."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        metrics = {
            name: Metric(**{**metric, "noise": tuple(metric["noise"])}) for name, metric in written["metrics"].items()
        }
        return Baseline(conditions=written["conditions"], metrics=metrics)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f'{path} is not a baseline ({error}). Write one with `make eval-accept REASON="…"`.'
        ) from error


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write the baseline with one line of scores per metric, so a diff shows which metrics changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metrics = ",\n".join(f"  {json.dumps(name)}: {_to_json(metric)}" for name, metric in baseline.metrics.items())
    conditions = json.dumps(dict(baseline.conditions), indent=2).replace("\n", "\n ")
    path.write_text(f'{{\n "conditions": {conditions},\n "metrics": {{\n{metrics}\n }}\n}}\n', encoding="utf-8")


def _questions_of(scores: Mapping[str, Scores]) -> frozenset[str]:
    return frozenset(question for values in scores.values() for question in values)


def _over(shared: frozenset[str], metric: Metric) -> Metric:
    """Restrict a metric to these questions. Otherwise, removed easy questions would look like a loss."""
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
    # The interval of the mean is wide, because questions differ. The paired interval is narrow: it detects a change
    # that makes a few questions worse and none better.
    low, high = difference.interval if difference else (0.0, 0.0)
    if now < before.noise[0] or high < 0:
        return "fell"
    return "rose" if now > before.noise[1] or low > 0 else "held"


def _difference(before: Metric, scores: Scores, shared: frozenset[str]) -> Difference | None:
    """Return the paired difference. A metric may apply to a question on one side only."""
    questions = [question for question in dict.fromkeys([*before.scores, *scores]) if question in shared]
    new: Sequence[float | None] = [scores.get(question) for question in questions]
    old: Sequence[float | None] = [before.scores.get(question) for question in questions]
    return compare_means(new, old) if questions else None


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
        # All scores are equal, so the bootstrap has no variance. Use the rule of three (Hanley and Lippman-Hand, 1983).
        low, high = max(0.0, low - 3 / len(values)), min(1.0, high + 3 / len(values))
    return round(low, 4), round(high, 4)


def _to_json(metric: Metric) -> str:
    fields = asdict(metric)
    lines = [f'   "{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in fields.items()]
    return "{\n" + ",\n".join(lines) + "\n  }"
