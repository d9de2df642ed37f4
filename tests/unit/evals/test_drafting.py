"""Drafts of a team's own question set, from real documents."""

import json

import pytest

from evals.answers.drafting import draft
from evals.answers.gold import read_question_set
from evals.answers.matching import contains_words
from service.settings import Settings

pytestmark = pytest.mark.slow  # It starts the parser processes.

GUIDE = """# Pumps

A pump is a machine that moves water from one place to another.

## Replace the seal

Close the valve first and let the pressure fall below two bar.

## How loud is it?

The pump makes seventy decibels at a distance of one metre.
"""


async def test_headings_and_definitions_become_questions_that_can_be_evaluated(tmp_path):
    documents, target = tmp_path / "documents", tmp_path / "set"
    documents.mkdir()
    (documents / "pumps.md").write_text(GUIDE)
    (documents / "notes.txt").write_text("A valve is a part that opens and closes a pipe.")
    count = await draft(documents, target, Settings(), limit=10)
    rows = [json.loads(line) for line in (target / "proposed.jsonl").read_text().splitlines()]
    assert len(rows) == count
    assert {row["question"] for row in rows} >= {
        "What is a pump?",
        "How do I replace the seal?",
        "How loud is it?",
        "What is a valve?",
    }
    (target / "proposed.jsonl").rename(target / "questions.jsonl")
    accepted = read_question_set(str(target))
    texts = {document.id: document.text for document in accepted.documents}
    for question in accepted.questions:
        [[passage]] = question.evidence
        assert contains_words(texts[passage.document], passage.quote)


async def test_a_limit_takes_turns_between_documents(tmp_path):
    documents = tmp_path / "documents"
    documents.mkdir()
    for name in ("one", "two", "three"):
        (documents / f"{name}.md").write_text(GUIDE.replace("Pumps", name).replace("pump", f"{name} pump"))
    assert await draft(documents, tmp_path / "set", Settings(), limit=3) == 3
    rows = [json.loads(line) for line in (tmp_path / "set" / "proposed.jsonl").read_text().splitlines()]
    assert len({row["passages"][0]["document"] for row in rows}) == 3
