"""Scores answers with a judge: `python -m evals judge`."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evals.judging.batch import judge_all
from evals.judging.pairs import PREFERENCES, Pair, prefer
from evals.statistics import Interval, bootstrap
from evals.transcripts import Transcript
from rag.errors import InvalidInput
from service.judging.base import Judge, Subject
from service.judging.calibration import Agreement, Calibrations
from service.judging.rubrics import PAIRWISE, load_rubric, load_rubrics
from service.prompting.base import PromptTemplate

HEADER = (
    "| judge | rubric | answers | no verdict | score (95 %) | verdicts | agreement with people |\n"
    "|---|---|---|---|---|---|---|"
)

# A citation marker of an answer.
_MARKER = re.compile(r"\[(\d{1,2})\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The scores of many answers by one rubric, with the calibrations of the judge."""

    judge: str
    rubric: str
    hash: str
    answers: int
    failures: int
    score: float | None
    """None without any verdict."""
    interval: Interval
    verdicts: Mapping[str, int]
    calibrations: Sequence[Agreement]
    position_bias: float | None = None

    def to_row(self) -> str:
        score = "-" if self.score is None else "{:.3f} ({:.3f} to {:.3f})".format(self.score, *self.interval)
        verdicts = ", ".join(f"{label} {count}" for label, count in self.verdicts.items())
        if self.position_bias is not None:
            verdicts += f"; {self.position_bias:.0%} changed with the order and count as ties"
        known = "; ".join(map(str, self.calibrations)) or "**not calibrated**"
        return (
            f"| {self.judge} | {self.rubric} `{self.hash}` | {self.answers} | {self.failures} "
            f"| {score} | {verdicts} | {known} |"
        )


async def judge_answers(
    judge: Judge,
    transcripts: Sequence[Transcript],
    rubrics: Sequence[str],
    calibrations: Calibrations,
    *,
    concurrency: int,
) -> list[Judgement]:
    """Score all answers by each rubric. Declined answers are left out. Raise `InvalidInput` if no answer remains."""
    inputs = [transcript.to_subject().to_values() for transcript in transcripts if not transcript.declined]
    if not inputs:
        raise InvalidInput(
            "There is no answer to judge: the file is empty, or the service declined every question in it."
        )
    judgements = []
    for rubric in await load_rubrics(rubrics):
        verdicts = await judge_all(judge, rubric, inputs, concurrency=concurrency)
        given = [(verdict.label, verdict.score) for verdict in verdicts if verdict]
        judgements.append(_to_judgement(judge, rubric, given, len(inputs), rubric.verdicts, calibrations))
    return judgements


async def judge_pairs(
    judge: Judge,
    first: Sequence[Transcript],
    second: Sequence[Transcript],
    calibrations: Calibrations,
    *,
    concurrency: int,
) -> list[Judgement]:
    """Compare two files of answers to the same questions. A score of 1 favours the first file, 0 the second."""
    others = {(transcript.id, transcript.question): transcript for transcript in second}
    shared = [(one, others[one.id, one.question]) for one in first if (one.id, one.question) in others]
    if not shared:
        raise InvalidInput("The two files share no question, so they cannot be compared.")
    rubric = await load_rubric(PAIRWISE)
    pairs = [_to_pair(one, other) for one, other in shared]
    preferences = await prefer(judge, rubric, pairs, concurrency=concurrency)
    given = [(preference, rubric.verdicts[preference]) for preference in preferences.of if preference]
    judgement = _to_judgement(judge, rubric, given, len(pairs), PREFERENCES, calibrations)
    return [replace(judgement, position_bias=preferences.position_bias)]


def _to_judgement(
    judge: Judge,
    rubric: PromptTemplate,
    given: Sequence[tuple[str, float]],
    answers: int,
    labels: Iterable[str],
    calibrations: Calibrations,
) -> Judgement:
    """Return the scores of the verdicts that were given, each with its label. The other answers are failures."""
    counts = Counter(label for label, _ in given)
    scores = [score for _, score in given]
    return Judgement(
        judge=judge.name,
        rubric=str(rubric.version),
        hash=rubric.version.hash,
        answers=answers,
        failures=answers - len(given),
        score=sum(scores) / len(scores) if scores else None,
        interval=bootstrap(scores),
        verdicts={label: counts[label] for label in labels},
        calibrations=calibrations.of(judge.name, rubric.version),
    )


def _to_pair(one: Transcript, other: Transcript) -> Pair:
    """Return a pair with the passages of both answers. Otherwise text from the other's passages would look invented."""
    passages = list(dict.fromkeys([*one.passages, *other.passages]))
    return Pair(
        question=one.question,
        passages=Subject(question=one.question, passages=passages, answer="").to_values()["passages"],
        first=_cite_among(passages, one),
        second=_cite_among(passages, other),
    )


def _cite_among(passages: Sequence[str], transcript: Transcript) -> str:
    """Return the answer with its citation markers renumbered for the given passages."""

    def renumber(marker: re.Match[str]) -> str:
        number = int(marker[1])
        if not 1 <= number <= len(transcript.passages):
            return marker[0]
        return f"[{passages.index(transcript.passages[number - 1]) + 1}]"

    return _MARKER.sub(renumber, transcript.answer)
