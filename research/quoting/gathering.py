"""Asks questions with gold answers, and collects the evidence for each quote with the grade of the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from evals.answers.gold import GoldQuestion, QuestionSet
from evals.answers.rubric import grade
from evals.collection import SCOPE, open_resources_over
from service.answering.drafts import Answer
from service.answering.events import Inquiry
from service.resources import Resources
from service.settings import Settings
from service.writing.unsure import UNSURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A question, with the evidence for its quotes and the grade of its answer."""

    evidence: Mapping[str, float]
    """Empty if the quotes have no probability: the answer is declined before, or the passages contain only headings and
    questions. The study counts both as declined.
    """
    is_right: bool
    is_right_if_unsure: bool
    """The grade below the paragraph of an unsure answer. A right answer may then end too late."""
    is_right_or_partly: bool
    is_answerable: bool


async def gather(questions: QuestionSet, settings: Settings) -> list[Outcome]:
    """Ingest the documents into a temporary collection and quote for each question, however unlikely the answer is."""
    answering = settings.answering.model_copy(update={"min_confidence": 0.0, "sure_confidence": 0.0})
    async with open_resources_over(questions.documents, settings.model_copy(update={"answering": answering})) as opened:
        return [await _outcome(question, opened) for question in questions.questions]


async def _outcome(question: GoldQuestion, resources: Resources) -> Outcome:
    limit = resources.settings.retrieval.limit
    inquiry = Inquiry(scope=SCOPE, question=question.text, limit=limit, mode="quote")
    *_, answer = [event async for event in resources.answerer.answer(inquiry)]
    assert isinstance(answer, Answer)
    grades = partial(grade, question, declined=answer.declined, cited=bool(answer.citations))
    scores = grades(answer.text)
    return Outcome(
        evidence=answer.writing_input.evidence,
        is_right=bool(scores["right"]),
        is_right_if_unsure=bool(grades(UNSURE + answer.text, unsure=True)["right"]),
        is_right_or_partly=bool(scores["right_or_partly"]),
        is_answerable=question.is_answerable,
    )
