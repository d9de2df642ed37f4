"""Scores of many questions: means with intervals, paired differences, and their JSON format."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from evals.statistics import Difference, Interval, bootstrap, compare_means
from evals.tracking import params_of, track
from evals.transcripts import Transcript, write_transcripts
from rag.errors import InvalidInput
from service.settings import Settings

Conditions = Mapping[str, str]
"""The conditions of a measurement: embedder, documents, prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The mean of a measure over the questions to which it applies, with its 95 % interval."""

    value: float
    interval: Interval
    questions: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the mean of one value per question. It is 0 without any."""
        return cls(value=sum(values) / max(1, len(values)), interval=bootstrap(values), questions=len(values))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} ({low:.3f} to {high:.3f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRun:
    """The scores of one answer mode or prompt over one question set."""

    name: str
    scores: Mapping[str, Mapping[str, float]]
    """Values by question id and measure."""
    conditions: Conditions = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Kinds of question by id."""
    transcripts: Sequence[Transcript] = ()
    """Questions and answers for judges. Empty if the run was read from a file."""

    @property
    def measures(self) -> list[str]:
        """All measures, in the order of their first occurrence."""
        return list(dict.fromkeys(measure for scores in self.scores.values() for measure in scores))

    def values(self, measure: str) -> dict[str, float]:
        """Return the values of a measure by question id."""
        return {question: scores[measure] for question, scores in self.scores.items() if measure in scores}

    def estimate(self, measure: str) -> Estimate | None:
        """Return the mean of a measure. Return None if it applies to no question."""
        values = list(self.values(measure).values())
        return Estimate.of(values) if values else None

    def minus(self, other: "AnswerRun", measure: str) -> Difference | None:
        """Return the paired difference to another run. Return None if the measure applies to no shared question."""
        shared = [question for question in self.scores if question in other.scores]
        new = [self.scores[question].get(measure) for question in shared]
        old = [other.scores[question].get(measure) for question in shared]
        return compare_means(new, old)


def write_texts(runs: Sequence[AnswerRun], folder: Path) -> None:
    """Write a `<run>.jsonl` per run with questions, passages and answers, as input of `python -m evals judge`."""
    folder.mkdir(parents=True, exist_ok=True)
    for run in runs:
        write_transcripts(run.transcripts, folder / f"{run.name.replace('/', '-')}.jsonl")


def write_runs(runs: Sequence[AnswerRun], path: Path) -> None:
    """Write `{run: {measure: mean, …, "intervals": …, "conditions": …, "scores": {question: {measure: value}}}}`."""
    path.write_text(json.dumps({run.name: _to_json(run) for run in runs}, indent=1), encoding="utf-8")


async def track_runs(runs: Sequence[AnswerRun], settings: Settings) -> None:
    """Record each run in MLflow, with its conditions and the means of its measures."""
    for run in runs:
        await track(settings, run.name, params=params_of(settings) | {**run.conditions}, metrics=means_of(run))


def means_of(run: AnswerRun) -> dict[str, float]:
    return {measure: estimate.value for measure in run.measures if (estimate := run.estimate(measure))}


def read_runs(path: Path) -> list[AnswerRun]:
    """Read runs. Raise `InvalidInput` for a file without scores per question, because pairing needs them."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        return [
            AnswerRun(name=name, scores=run["scores"], conditions=run.get("conditions", {}), kinds=run.get("kinds", {}))
            for name, run in written.items()
        ]
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{path} has no scores per question, so differences cannot be distinguished from noise. "
            "Write the file with `python -m evals answers … --json`."
        ) from error


def _to_json(run: AnswerRun) -> dict[str, Any]:
    estimates = {measure: estimate for measure in run.measures if (estimate := run.estimate(measure))}
    return {
        "questions": len(run.scores),
        **{measure: estimate.value for measure, estimate in estimates.items()},
        "intervals": {measure: estimate.interval for measure, estimate in estimates.items()},
        "conditions": run.conditions,
        "kinds": run.kinds,
        "scores": run.scores,
    }
