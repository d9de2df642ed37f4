"""The gate: a fast subset of the evaluations, against what was accepted before."""

import asyncio
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import HttpUrl

from evals.answers.gold import GOLDEN, QuestionSet, read_question_set
from evals.answers.measurement import ask_all, conditions_of
from evals.answers.ranking import rank_all
from evals.answers.results import Conditions
from evals.citing_model import serve_citing_model
from evals.collection import open_resources_over
from evals.gating.baseline import BASELINE, Baseline, MetricVerdict, judge, read_baseline, update, write_baseline
from rag.errors import InvalidInput
from service.settings import OpenAIGeneratorSettings, Settings

RED = 3
"""Exit code of a gate that is closed: 1 says that it could not be measured."""

# What a change must not make worse. Times are told elsewhere: those of a shared machine would close the gate at random.
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
    """Scores of the golden set as things are now."""

    scores: Mapping[str, Mapping[str, float]]
    """`part: measure` to question id to value."""
    conditions: Conditions
    seconds: float


def run_gate(settings: Settings, *, markdown: Path | None = None, baseline: Path = BASELINE) -> int:
    """Prints the table; 0, or `RED` where a metric fell. Raises `InvalidInput` without a baseline."""
    accepted = read_baseline(baseline)
    measured = asyncio.run(measure_gate(settings))
    verdicts = judge(accepted, measured.scores)
    table = _to_markdown(verdicts, accepted, measured)
    print(table)
    if markdown:
        markdown.write_text(table + "\n", encoding="utf-8")
    return RED if any(verdict.is_red for verdict in verdicts) else 0


def accept(settings: Settings, reason: str, *, baseline: Path = BASELINE) -> None:
    """What is measured now becomes the baseline; metrics that did not change keep their reason and date."""
    if not reason.strip():
        raise InvalidInput("Say why it is right that the metrics changed: the reason stays in the baseline.")
    measured = asyncio.run(measure_gate(settings))
    accepted = read_baseline(baseline) if baseline.exists() else None
    today = time.strftime("%Y-%m-%d")
    write_baseline(update(accepted, measured.scores, measured.conditions, reason=reason.strip(), date=today), baseline)
    print(f"{baseline} is written: commit it together with what changed the metrics.", file=sys.stderr)


async def measure_gate(settings: Settings) -> GateMeasurement:
    """Search and quotes of the product as it is, and its prompt with a stand-in that cites where it is asked to."""
    began = time.monotonic()
    golden = read_question_set(GOLDEN)
    answerable = [question for question in golden.questions if question.is_answerable]
    async with serve_citing_model() as stand_in:
        generator = OpenAIGeneratorSettings(kind="openai", url=HttpUrl(stand_in.url), model="stand-in")
        async with open_resources_over(
            golden.documents, settings.model_copy(update={"generator": generator})
        ) as system:
            found = {
                "search": await rank_all(golden.questions, system),
                "quote": await ask_all(golden.questions, "quote", system, label="quote"),
                "prompt": await ask_all(answerable, "generate", system, label="prompt"),
            }
    return GateMeasurement(
        scores=_by_measure(found),
        conditions=_conditions(golden, settings, stand_in.rules),
        seconds=time.monotonic() - began,
    )


def _by_measure(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        f"{part}: {measure}": {
            question: round(scores[measure], 4) for question, scores in found[part].items() if measure in scores
        }
        for part, measures in _WATCHED.items()
        for measure in measures
    }


def _conditions(golden: QuestionSet, settings: Settings, rules: Sequence[str]) -> Conditions:
    prompt = hashlib.sha256("\n".join(sorted(set(rules))).encode()).hexdigest()[:12]
    return {**conditions_of(golden, settings), "prompt": prompt}


def _to_markdown(verdicts: Sequence[MetricVerdict], accepted: Baseline, measured: GateMeasurement) -> str:
    red = [verdict for verdict in verdicts if verdict.is_red]
    title = f"The gate is closed: {len(red)} of {len(verdicts)} metrics fell" if red else "The gate is open"
    lines = [
        f"### {title}",
        "",
        "| what | baseline | now | difference, 95 % interval | verdict |",
        "|---|---|---|---|---|",
        *(_to_row(verdict) for verdict in verdicts),
        "",
        f"The golden set in {measured.seconds:.0f} s. `prompt`: the prompt of `generate`, with a stand-in model that "
        "cites if the prompt asks it to.",
    ]
    lines += _changed(accepted.conditions, measured.conditions)
    if red:
        lines += ["", 'If that is meant: `make eval-accept REASON="why"`, and commit the baseline with the change.']
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
    changed = [f"{what} {before.get(what, '-')} → {value}" for what, value in now.items() if before.get(what) != value]
    return ["", f"Changed since the baseline: {', '.join(changed)}."] if changed else []
