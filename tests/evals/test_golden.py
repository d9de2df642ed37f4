"""The project's own questions still fit its documentation."""

from collections import Counter
from pathlib import Path

import pytest

from evals.answers.gold import GOLDEN, read_question_set
from evals.answers.wording import flat

ROOT = Path(__file__).parents[2]
GOLDEN_SET = read_question_set(GOLDEN)
TEXTS = {document.id: document.text for document in GOLDEN_SET.documents}


@pytest.mark.parametrize("question", GOLDEN_SET.questions, ids=lambda question: question.id)
def test_every_quote_still_stands_in_its_document(question):
    for need in question.needs:
        for place in need:
            remedy = "put its new words into questions.jsonl, or take the question out if nothing answers it"
            assert place.document in TEXTS, f"{place.document} is gone: say where the passage is now, or {remedy}"
            assert flat(place.quote) in flat(TEXTS[place.document]), (
                f"{place.document} no longer says {place.quote!r}: {remedy}"
            )


def test_ids_are_unique():
    assert not [name for name, count in Counter(question.id for question in GOLDEN_SET.questions).items() if count > 1]


def test_there_are_enough_questions_of_every_kind():
    kinds = Counter(question.kind for question in GOLDEN_SET.questions)
    assert sum(kinds.values()) >= 60
    assert kinds["unanswerable"] >= 12
    assert set(kinds) == {
        "single",
        "paraphrase",
        "multi-document",
        "how-to",
        "identifier",
        "unanswerable",
        "off-topic",
    }


def test_only_questions_that_can_be_answered_name_passages():
    for question in GOLDEN_SET.questions:
        assert question.is_answerable == bool(question.needs) == bool(question.references), question.id


def test_questions_with_several_documents_need_passages_of_several():
    for question in GOLDEN_SET.questions:
        if question.kind == "multi-document":
            assert len({need[0].document for need in question.needs}) > 1, question.id
