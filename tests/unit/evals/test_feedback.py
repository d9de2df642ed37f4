"""`python -m evals feedback`: ratings become questions with the words that answer them."""

import json

import pytest

from evals.answers.feedback import read_feedback, write_question_set
from evals.answers.gold import GoldPassage
from rag.errors import InvalidInput
from rag.state.factory import open_state
from rag.types import Scope
from service.answering.drafts import Answer, Citation
from service.answering.feedback import FeedbackLog
from service.settings import Settings
from service.writing.base import WritingInput
from service.writing.unsure import UNSURE
from tests.support.contracts.store import direction
from tests.support.passages import hit

ACME = Scope(tenant="acme")
TEXT = "The bridge opened in March 1932. It was closed for repairs in 1990."


def answer(answer_id: str, question: str) -> Answer:
    found = hit(TEXT)
    return Answer(
        id=answer_id,
        text=f"{UNSURE}The bridge opened in March 1932. [1]",
        timings={},
        mode="quote",
        citations=[Citation(number=1, hit=found, quote="The bridge opened in March 1932.")],
        writing_input=WritingInput(question=question, asked=question, vector=direction(0), hits=[found]),
    )


async def test_liked_and_corrected_answers_become_questions_and_others_are_left_to_a_person(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    async with open_state(settings.state, path=settings.state_file) as state:
        log = FeedbackLog(state, settings.feedback)
        for answer_id, question in (("a", "When did it open?"), ("b", "When was it closed?"), ("c", "Who built it?")):
            await log.remember(ACME, answer(answer_id, question), revision="1")
        await log.rate(ACME, "a", "up", reason="", correction="")
        await log.rate(ACME, "b", "down", reason="Wrong date.", correction="Closed for repairs in 1990.")
        await log.rate(ACME, "c", "down", reason="Not the builder.", correction="")
        await log.remember(Scope(tenant="other"), answer("d", "When?"), revision="1")
        await log.rate(Scope(tenant="other"), "d", "up", reason="", correction="")

    ratings = await read_feedback(settings, tenant="acme")
    target = tmp_path / "set"
    collected = write_question_set(ratings, target)
    assert (collected.questions, collected.to_review) == (2, 1)
    rows = [json.loads(line) for line in (target / "questions.jsonl").read_text().splitlines()]
    assert [(row["kind"], row["question"], row["answer"]) for row in rows] == [
        ("corrected", "When was it closed?", "Closed for repairs in 1990."),
        ("liked", "When did it open?", "The bridge opened in March 1932."),
    ]
    [document] = (target / "documents").iterdir()
    for row, quote in zip(
        rows, ["It was closed for repairs in 1990.", "The bridge opened in March 1932."], strict=True
    ):
        [passage] = row["passages"]
        assert passage == {"document": document.name, "quote": quote}
        assert GoldPassage(**passage).is_in(document.name, document.read_text())
    [proposed] = [json.loads(line) for line in (target / "proposed.jsonl").read_text().splitlines()]
    assert (proposed["question"], proposed["reason"]) == ("Who built it?", "Not the builder.")
    with pytest.raises(InvalidInput, match="already exists"):
        write_question_set(ratings, target)
