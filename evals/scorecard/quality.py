"""What a service answers: right and wrong, refusals, sources and times, by asking one question after another."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import track

from evals.answers.gold import GoldQuestion
from evals.answers.rubric import grade
from evals.scorecard.asking import Door, Ending, Reply, ask
from evals.scorecard.card import Figure, seconds, share
from evals.scorecard.refusals import is_hedge, is_refusal
from evals.scorecard.sources import SourceMatcher

# Models that think aloud in the text of the answer. Pages hide it.
_THINKING = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
Exchange = tuple[GoldQuestion, Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long one question, and all of them, may take."""

    question_seconds: float
    total_seconds: float


async def ask_all(
    session: aiohttp.ClientSession, door: Door, questions: Sequence[GoldQuestion], limits: Limits
) -> list[Exchange]:
    """Ask one question at a time, so that the times are those of an unloaded service, until the time is up."""
    deadline = time.monotonic() + limits.total_seconds
    exchanges: list[Exchange] = []
    for question in track(questions, "questions", console=Console(stderr=True)):
        if time.monotonic() > deadline:
            break
        exchanges.append((question, await ask(session, door, question.text, seconds=limits.question_seconds)))
    return exchanges


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One question with its answer, graded."""

    id: str
    kind: str
    question: str
    text: str
    ending: Ending
    is_answerable: bool
    refused: bool
    unsure: bool
    right: float
    partly: float
    wrong_with_confidence: float
    """1 for a wrong answer that says neither that it does not know nor that it is unsure, with a source or without."""
    sources: int
    documents: Sequence[str]
    """The documents among the sources that are recognised."""
    correct: float | None
    """Share of these documents that answer. None: not one is recognised, or the question has no answer."""
    streamed: bool
    first_text: float | None
    total: float

    @property
    def is_answer(self) -> bool:
        return self.ending == "complete" and bool(self.text.strip()) and not self.refused


def judge(
    exchanges: Sequence[Exchange], matcher: SourceMatcher, wording: re.Pattern[str] | None = None
) -> list[Verdict]:
    """Grade each answer. `wording` recognises refusals beside the usual ones."""
    return [_judge(question, reply, matcher, wording) for question, reply in exchanges]


def to_figures(verdicts: Sequence[Verdict]) -> Mapping[str, Figure]:
    """Return the rows of the scorecard that the verdicts decide."""
    answers = [verdict for verdict in verdicts if verdict.is_answer]
    complete = [verdict for verdict in verdicts if verdict.ending == "complete"]
    failed = len(verdicts) - len(complete)
    return {
        "questions": Figure(text=str(len(verdicts)), value=len(verdicts)),
        "right": share([verdict.right for verdict in verdicts]),
        "partly": share([verdict.partly for verdict in verdicts]),
        "wrong": share([verdict.wrong_with_confidence for verdict in verdicts]),
        "unsure": share([float(verdict.unsure) for verdict in verdicts]),
        "refusal_precision": share([float(not verdict.is_answerable) for verdict in verdicts if verdict.refused]),
        "refusal_recall": share([float(verdict.refused) for verdict in verdicts if not verdict.is_answerable]),
        "sourced": share([float(verdict.sources > 0) for verdict in answers]),
        "citation_precision": share([verdict.correct for verdict in answers if verdict.correct is not None]),
        "failed": Figure(text=str(failed), value=failed),
        "first_text": _first_texts(complete),
        "total": seconds([verdict.total for verdict in complete]),
    }


def write_verdicts(verdicts: Sequence[Verdict], path: Path) -> None:
    """Write one line of JSON per question, for a person who wants to read what was graded."""
    lines = (json.dumps(asdict(verdict), ensure_ascii=False) for verdict in verdicts)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _first_texts(complete: Sequence[Verdict]) -> Figure:
    if complete and not any(verdict.streamed for verdict in complete):
        return Figure(text="not streamed")
    return seconds([verdict.first_text for verdict in complete if verdict.first_text is not None])


def _judge(question: GoldQuestion, reply: Reply, matcher: SourceMatcher, wording: re.Pattern[str] | None) -> Verdict:
    reply = replace(reply, text=_THINKING.sub("", reply.text).strip())
    refused = reply.is_complete and is_refusal(reply, wording)
    is_answer = reply.is_complete and bool(reply.text.strip()) and not refused
    # An incomplete answer is graded as nothing: a client shows an error in its place.
    unsure = is_answer and is_hedge(reply)
    scores = grade(question, reply.text if is_answer else "", declined=refused, cited=is_answer, unsure=unsure)
    count, documents = matcher.sources_of(reply) if is_answer else (0, [])
    gold = {passage.document for group in question.evidence for passage in group}
    return Verdict(
        id=question.id,
        kind=question.kind,
        question=question.text,
        text=reply.text,
        ending=reply.ending,
        is_answerable=question.is_answerable,
        refused=refused,
        unsure=unsure,
        right=scores["right"],
        partly=scores["partly"],
        wrong_with_confidence=scores["wrong_with_confidence"],
        sources=count,
        documents=documents,
        correct=sum(document in gold for document in documents) / len(documents) if documents and gold else None,
        streamed=reply.streamed,
        first_text=reply.first_text,
        total=reply.total,
    )
