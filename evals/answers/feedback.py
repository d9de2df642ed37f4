"""Turns feedback on live answers into a question set, in the format of the project's own sets.

A liked answer proves its quotes. A corrected one proves the sentence that the user's correction repeats.
The other ratings need a person, so they are written to a file of their own.
"""

import argparse
import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from evals.commands import Commands
from rag.errors import InvalidInput
from rag.state.factory import open_state
from rag.types import Scope
from service.answering.feedback import Feedback, FeedbackLog, ReadPassage
from service.sentences import coverage, split_sentences
from service.settings import Settings
from service.writing.unsure import without_paragraph

EXAMPLES = """  python -m evals feedback ~/my/feedback --tenant acme               makes questions of rated answers"""

# Fewer shared words are those of the question, which other sentences repeat too.
_MIN_COVERAGE = 0.6
_MARKER = re.compile(r"\s*\[\d+\]")


def add_commands(commands: Commands) -> None:
    feedback = commands.add_parser("feedback", help="make a question set of the feedback on live answers")
    feedback.add_argument("target", type=Path, metavar="OUT", help="folder of the question set, which must be new")
    feedback.add_argument("--tenant", default="default", help="tenant whose feedback is read (default: %(default)s)")
    feedback.set_defaults(run=_feedback)


def _feedback(arguments: argparse.Namespace, settings: Settings) -> None:
    ratings = asyncio.run(read_feedback(settings, tenant=arguments.tenant))
    collected = write_question_set(ratings, arguments.target)
    print(
        f"{arguments.target / 'questions.jsonl'} has {collected.questions:,} questions. "
        f"{collected.to_review:,} ratings lack the words that answer. They are in proposed.jsonl: complete them, and "
        "move them to questions.jsonl."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSet:
    """How many ratings became questions, and how many wait for a person."""

    questions: int
    to_review: int


async def read_feedback(settings: Settings, *, tenant: str) -> list[Feedback]:
    """Return the feedback of a tenant, the latest first."""
    async with open_state(settings.state, path=settings.state_file) as state:
        return [it async for it in FeedbackLog(state, settings.feedback).all_of(Scope(tenant=tenant))]


def write_question_set(ratings: Sequence[Feedback], target: Path) -> FeedbackSet:
    """Write the ratings to a new folder: documents, questions.jsonl and proposed.jsonl."""
    if target.exists() and any(target.iterdir()):
        raise InvalidInput(f"{target} already exists. Name a folder that does not exist or is empty.")
    (target / "documents").mkdir(parents=True, exist_ok=True)
    for name, text in _documents_of(ratings).items():
        (target / "documents" / name).write_text(text, encoding="utf-8")
    rows = [_to_row(rating) for rating in ratings]
    proven, others = [row for row in rows if row["passages"]], [row for row in rows if not row["passages"]]
    _write(target / "questions.jsonl", proven)
    _write(target / "proposed.jsonl", others)
    return FeedbackSet(questions=len(proven), to_review=len(others))


def _documents_of(ratings: Sequence[Feedback]) -> dict[str, str]:
    """Return the passages that the answers were written from, by the name of their document's file.

    The passages are those of the time of the answer: the document may have changed since.
    """
    passages: dict[str, dict[str, None]] = defaultdict(dict)
    for rating in ratings:
        for passage in rating.answer.passages:
            passages[_file_of(passage)][passage.text] = None
    return {name: "\n\n".join(texts) + "\n" for name, texts in passages.items()}


def _to_row(rating: Feedback) -> dict[str, Any]:
    is_liked = rating.rating == "up" and not rating.correction
    quotes = _liked_quotes(rating) if is_liked else _corrected_quotes(rating)
    return {
        "id": f"feedback-{rating.answer_id}",
        "kind": "liked" if is_liked else "corrected",
        "question": rating.answer.question,
        "answer": _MARKER.sub("", without_paragraph(rating.answer.answer)) if is_liked else rating.correction,
        "passages": [{"document": document, "quote": text} for document, text in quotes],
        "rating": rating.rating,
        "reason": rating.reason,
    }


def _liked_quotes(rating: Feedback) -> Iterator[tuple[str, str]]:
    for passage in rating.answer.passages:
        if passage.is_cited:
            yield _file_of(passage), passage.quote or passage.text


def _corrected_quotes(rating: Feedback) -> Iterator[tuple[str, str]]:
    """Yield the sentence that has most words of the correction, if it has enough of them."""
    sentences = [(_file_of(passage), it) for passage in rating.answer.passages for it in split_sentences(passage.text)]
    if rating.correction and sentences:
        best = max(sentences, key=lambda sentence: coverage(rating.correction, sentence[1]))
        if coverage(rating.correction, best[1]) >= _MIN_COVERAGE:
            yield best


def _file_of(passage: ReadPassage) -> str:
    # Ids may be paths and addresses. A file name of 255 bytes is the longest that file systems accept.
    name = quote(passage.document_id, safe="")[-200:]
    return name if name.endswith(".md") else f"{name}.md"


def _write(target: Path, rows: Sequence[dict[str, Any]]) -> None:
    target.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
