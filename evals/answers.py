"""How often an answer holds the gold span: the product's own path, from ingestion to the last token."""

import random
import re
import statistics
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from evals.collection import SCOPE, open_resources_over
from evals.datasets import Question, read_answers, read_corpus
from evals.statistics import bootstrap
from service.answering import Answer, Inquiry
from service.resources import Resources
from service.settings import Mode, Settings

HEADER = (
    "| mode | questions | containment | 95 % interval | citations | words | cited | refused | first text p50 "
    "| total p50 |\n|---|---|---|---|---|---|---|---|---|---|"
)

_MARKER = re.compile(r"\[\d+\]")
_SEED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One mode on one data set; times in seconds."""

    mode: str
    questions: int
    containment: float
    """Share of answers that contain a gold span, both normalised as SQuAD does (Rajpurkar et al., 2016)."""
    interval: tuple[float, float]
    """95 % bootstrap interval of the containment."""
    sentences: float
    """Citations in an answer, on average; in quote and checked each sentence has one."""
    words: float
    cited: float
    """Share of answers with at least one citation, or rightly none because refused."""
    refused: float
    first_text_p50: float
    total_p50: float

    def to_row(self) -> str:
        interval = "{:.3f} to {:.3f}".format(*self.interval)
        return (
            f"| {self.mode} | {self.questions} | {self.containment:.3f} | {interval} | {self.sentences:.2f} "
            f"| {self.words:.0f} | {self.cited:.2f} | {self.refused:.3f} | {self.first_text_p50:.3f} s "
            f"| {self.total_p50:.3f} s |"
        )


async def measure_answers(
    folder: Path, modes: Sequence[Mode], settings: Settings, *, sample: int | None
) -> list[Result]:
    """Ingests the corpus into a collection of its own and asks every question, or always the same sample of them."""
    questions = _choose(read_answers(folder), sample)
    async with open_resources_over(read_corpus(folder), settings) as resources:
        return [await _measure(mode, questions, resources) for mode in modes]


def _choose(questions: list[Question], sample: int | None) -> list[Question]:
    return random.Random(_SEED).sample(questions, min(sample, len(questions))) if sample else questions


async def _measure(mode: Mode, questions: Sequence[Question], resources: Resources) -> Result:
    answers = [await _ask(question, mode, resources) for question in track(questions, mode)]
    held = [float(_holds(answer.text, question.gold)) for answer, question in zip(answers, questions, strict=True)]
    cited = [_MARKER.findall(answer.text) for answer in answers]
    return Result(
        mode=mode,
        questions=len(questions),
        containment=statistics.fmean(held),
        interval=bootstrap(held),
        sentences=statistics.fmean(len(markers) for markers in cited),
        words=statistics.fmean(len(_MARKER.sub("", answer.text).split()) for answer in answers),
        cited=statistics.fmean(bool(markers) or answer.refused for markers, answer in zip(cited, answers, strict=True)),
        refused=statistics.fmean(answer.refused for answer in answers),
        first_text_p50=statistics.median(_until_first_text(answer.timings) for answer in answers),
        total_p50=statistics.median(answer.timings["total"] for answer in answers),
    )


async def _ask(question: Question, mode: Mode, resources: Resources) -> Answer:
    limit = resources.settings.retrieval.limit
    inquiry = Inquiry(scope=SCOPE, question=question.text, limit=limit, mode=mode)
    [answer] = [event async for event in resources.answerer.answer(inquiry) if isinstance(event, Answer)]
    return answer


def _holds(answer: str, gold: Sequence[str]) -> bool:
    normalised = _normalise(_MARKER.sub(" ", answer))
    return any(_normalise(span) in normalised for span in gold)


def _normalise(text: str) -> str:
    """SQuAD's: lower case, no punctuation, no articles, single spaces."""
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def _until_first_text(timings: dict[str, float]) -> float:
    return sum(timings.get(stage, 0.0) for stage in ("embed", "search", "prompt", "first_token"))
