"""The gate: a fast subset of the evaluations, compared with an accepted baseline (ADR 0019)."""

import asyncio
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import HttpUrl

from evals.answers.gold import GOLDEN, MANUALS, QuestionSet, read_question_set
from evals.answers.measurement import ask_all, conditions_of
from evals.answers.ranking import rank_all
from evals.answers.results import Conditions
from evals.citing_model import serve_citing_model
from evals.collection import open_resources_over
from evals.gating.baseline import BASELINE, Baseline, MetricVerdict, judge, read_baseline, update, write_baseline
from rag.errors import InvalidInput
from service.settings import OpenAIGeneratorSettings, Settings

RED = 3
"""Exit status of a closed gate. Status 1 means that the measurement failed."""

# Metrics that a change must not make worse. Times are excluded: on a shared machine they would close it at random.
_WATCHED = {
    "search": ("nDCG@10", "R@5", "RR@10"),
    "quote": (
        "citation_precision",
        "citation_recall",
        "groundedness",
        "cited",
        "answered",
        "refusal_precision",
        "refusal_recall",
    ),
    # What people ask. `not_misleading` is 1 unless the answer is wrong with confidence.
    "manuals": ("right", "right_or_partly", "not_misleading", "first_sentence", "sentence_f1"),
    "prompt": ("citation_precision", "citation_recall", "groundedness", "cited"),
}

_MARKS = {
    "fell": "❌ fell",
    "rose": "⬆ rose: accept it",
    "held": "✓",
    "missing": "❌ not measured",
    "new": "new: accept it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateMeasurement:
    """The current scores of the own question sets."""

    scores: Mapping[str, Mapping[str, float]]
    """Values by `part: measure` and question id."""
    conditions: Conditions
    seconds: float


def run_gate(settings: Settings, *, questions: Path | None = None, markdown: Path | None = None) -> int:
    """Print the table. Return 0, or `RED` if a metric fell. Raise `InvalidInput` without a baseline.

    `questions` is the folder of a team's own set, which has its own baseline.
    """
    accepted = read_baseline(_baseline_of(questions))
    measured = asyncio.run(measure_gate(settings, questions))
    verdicts = judge(accepted, measured.scores)
    table = _to_markdown(verdicts, accepted, measured)
    print(table)
    if markdown:
        markdown.write_text(table + "\n", encoding="utf-8")
    return RED if any(verdict.is_red for verdict in verdicts) else 0


def accept(settings: Settings, reason: str, *, questions: Path | None = None) -> None:
    """Measure and write a new baseline. Unchanged metrics keep their reason and date."""
    if not reason.strip():
        raise InvalidInput("The reason is empty. Say why the change of the metrics is right: the baseline stores it.")
    baseline = _baseline_of(questions)
    measured = asyncio.run(measure_gate(settings, questions))
    accepted = read_baseline(baseline) if baseline.exists() else None
    today = time.strftime("%Y-%m-%d")
    write_baseline(update(accepted, measured.scores, measured.conditions, reason=reason.strip(), date=today), baseline)
    print(f"{baseline} is written. Commit it together with the change of the metrics.", file=sys.stderr)


def _baseline_of(questions: Path | None) -> Path:
    return questions / "baseline.json" if questions else BASELINE


async def measure_gate(settings: Settings, questions: Path | None = None) -> GateMeasurement:
    """Measure the search, quoted answers, and the prompt with a stand-in model that cites if it is asked to."""
    began = time.monotonic()
    names = {"quote": str(questions)} if questions else {"quote": GOLDEN, "manuals": MANUALS}
    own_sets = {part: read_question_set(name) for part, name in names.items()}
    first = own_sets["quote"]
    answerable = [question for question in first.questions if question.is_answerable]
    async with serve_citing_model() as stand_in:
        generator = OpenAIGeneratorSettings(kind="openai", url=HttpUrl(stand_in.url), model="stand-in")
        async with open_resources_over(first.documents, settings.model_copy(update={"generator": generator})) as system:
            scores = {
                "search": await rank_all(first.questions, system),
                **{part: await ask_all(each.questions, "quote", system, label=part) for part, each in own_sets.items()},
                "prompt": await ask_all(answerable, "generate", system, label="prompt"),
            }
    if questions:
        # A team's own set has one list of questions, which is watched for the citations and for the rubric.
        scores["manuals"] = scores["quote"]
    return GateMeasurement(
        scores=_by_measure(scores),
        conditions=_conditions(list(own_sets.values()), settings, stand_in.rules),
        seconds=time.monotonic() - began,
    )


def _by_measure(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        f"{part}: {measure}": {
            question: round(values[measure], 4) for question, values in scores[part].items() if measure in values
        }
        for part, measures in _WATCHED.items()
        for measure in measures
    }


def _conditions(own_sets: Sequence[QuestionSet], settings: Settings, rules: Sequence[str]) -> Conditions:
    prompt = hashlib.sha256("\n".join(sorted(set(rules))).encode()).hexdigest()[:12]
    questions = [question for own_set in own_sets for question in own_set.questions]
    return {**conditions_of(replace(own_sets[0], questions=questions), settings), "prompt": prompt}


def _to_markdown(verdicts: Sequence[MetricVerdict], accepted: Baseline, measured: GateMeasurement) -> str:
    red = [verdict for verdict in verdicts if verdict.is_red]
    title = f"The gate is closed: {len(red)} of {len(verdicts)} metrics fell" if red else "The gate is open"
    lines = [
        f"### {title}",
        "",
        "| metric | baseline | now | difference, 95 % interval | verdict |",
        "|---|---|---|---|---|",
        *(_to_row(verdict) for verdict in verdicts),
        "",
        f"Measured on the own question sets in {measured.seconds:.0f} s. `prompt` uses the prompt of `generate` and a "
        "stand-in model that cites if the prompt asks for it. `manuals` is what people ask, answered by `quote`.",
    ]
    lines += _changed(accepted.conditions, measured.conditions)
    if red:
        lines += ["", 'If the change is intended, run `make eval-accept REASON="why"` and commit the baseline with it.']
    return "\n".join(lines)


def _to_row(verdict: MetricVerdict) -> str:
    before = "-" if verdict.before is None else f"{verdict.before.value:.3f}, noise to {verdict.before.floor:.3f}"
    now = "-" if verdict.now is None else f"{verdict.now:.3f}"
    difference = "-"
    if verdict.difference:
        low, high = verdict.difference.interval
        difference = f"{verdict.difference.mean:+.3f} ({low:+.3f} to {high:+.3f})"
    return f"| {verdict.metric} | {before} | {now} | {difference} | {_MARKS[verdict.outcome]} |"


def _changed(before: Conditions, now: Conditions) -> list[str]:
    changed = [f"{name} {before.get(name, '-')} → {value}" for name, value in now.items() if before.get(name) != value]
    return ["", f"Changed since the baseline: {', '.join(changed)}."] if changed else []
