"""How often an answer holds the gold span: the product's own path, from ingestion to the last token."""

import json
import random
import re
import statistics
import string
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import track

from ingest.intake import Intake
from ingest.pipeline import Outcome, Pipeline
from ingest.publishing import publish_now
from ingest.resources import open_models, open_store
from ingest.settings import Settings as IngestSettings
from ingest.sources.base import Unit
from rag.errors import InvalidInput
from rag.types import DocumentId, RawDocument, Scope
from service.answering import Answer, Inquiry
from service.resources import Resources, open_resources
from service.settings import Mode, Settings

HEADER = (
    "| mode | questions | containment | 95 % interval | citations | words | cited | refused | first text p50 "
    "| total p50 |\n|---|---|---|---|---|---|---|---|---|---|"
)

_SCOPE = Scope(tenant="evaluation")
_MARKER = re.compile(r"\[\d+\]")
_SEED = 20
_RESAMPLES = 2000


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    text: str
    gold: Sequence[str]


async def measure_answers(
    folder: Path, modes: Sequence[Mode], settings: Settings, *, sample: int | None
) -> list[Result]:
    """Ingests the corpus into a collection of its own and asks every question, or always the same sample of them."""
    questions = _read_questions(folder, sample)
    with tempfile.TemporaryDirectory() as scratch:
        apart = {"data_dir": Path(scratch)}
        (Path(scratch) / "models").symlink_to(settings.models_dir.absolute())
        await _ingest(folder, IngestSettings().model_copy(update=apart))
        async with open_resources(settings.model_copy(update=apart)) as resources:
            return [await _measure(mode, questions, resources) for mode in modes]


def _read_questions(folder: Path, sample: int | None) -> list[_Question]:
    try:
        gold = json.loads((folder / "answers.json").read_text())
        lines = (folder / "queries.jsonl").read_text().splitlines()
    except OSError as error:
        raise InvalidInput(f"{folder} is no data set with answers: {error}") from error
    queries = [json.loads(line) for line in lines]
    questions = [_Question(text=query["text"], gold=gold[query["_id"]]) for query in queries if query["_id"] in gold]
    return random.Random(_SEED).sample(questions, min(sample, len(questions))) if sample else questions


async def _ingest(folder: Path, settings: IngestSettings) -> None:
    async with open_models(settings) as models, open_store(settings, models) as store:
        pipeline = Pipeline(store, models.batcher, models.cutters)
        await Intake(pipeline, _SCOPE, _complain, remember=False).take_in(_read_corpus(folder))
        await publish_now(store)


def _complain(outcome: Outcome) -> None:
    if outcome.result == "rejected":
        print(f"rejected {outcome.uri}: {outcome.reason}", file=sys.stderr)


async def _read_corpus(folder: Path) -> AsyncIterator[Unit]:
    for line in (folder / "corpus.jsonl").read_text().splitlines():
        document = json.loads(line)
        text = f"# {document['title']}\n\n{document['text']}" if document.get("title") else document["text"]
        uri = f"corpus:{document['_id']}"
        raw = RawDocument(id=DocumentId(document["_id"]), uri=uri, media_type="text/markdown", body=text.encode())
        yield Unit(id=raw.id, uri=uri, fetch=partial(_fetch, raw))


async def _fetch(raw: RawDocument, _: str) -> RawDocument:
    return raw


async def _measure(mode: Mode, questions: Sequence[_Question], resources: Resources) -> Result:
    answers = [await _ask(question, mode, resources) for question in track(questions, mode)]
    held = [float(_holds(answer.text, question.gold)) for answer, question in zip(answers, questions, strict=True)]
    cited = [_MARKER.findall(answer.text) for answer in answers]
    return Result(
        mode=mode,
        questions=len(questions),
        containment=statistics.fmean(held),
        interval=_bootstrap(held),
        sentences=statistics.fmean(len(markers) for markers in cited),
        words=statistics.fmean(len(_MARKER.sub("", answer.text).split()) for answer in answers),
        cited=statistics.fmean(bool(markers) or answer.refused for markers, answer in zip(cited, answers, strict=True)),
        refused=statistics.fmean(answer.refused for answer in answers),
        first_text_p50=statistics.median(_until_first_text(answer.timings) for answer in answers),
        total_p50=statistics.median(answer.timings["total"] for answer in answers),
    )


async def _ask(question: _Question, mode: Mode, resources: Resources) -> Answer:
    limit = resources.settings.retrieval.limit
    inquiry = Inquiry(scope=_SCOPE, question=question.text, limit=limit, mode=mode)
    [answer] = [event async for event in resources.answerer.answer(inquiry) if isinstance(event, Answer)]
    return answer


def _holds(answer: str, gold: Sequence[str]) -> bool:
    normalised = _normalise(_MARKER.sub(" ", answer))
    return any(_normalise(span) in normalised for span in gold)


def _normalise(text: str) -> str:
    """SQuAD's: lower case, no punctuation, no articles, single spaces."""
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def _bootstrap(values: Sequence[float]) -> tuple[float, float]:
    resampled = np.random.default_rng(_SEED).choice(values, size=(_RESAMPLES, len(values))).mean(axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def _until_first_text(timings: dict[str, float]) -> float:
    return sum(timings.get(stage, 0.0) for stage in ("embed", "search", "prompt", "first_token"))
