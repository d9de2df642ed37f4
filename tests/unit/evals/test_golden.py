"""The project's own questions fit the documents that they are asked about."""

from collections import Counter
from pathlib import Path

import pytest

from evals.answers.gold import GOLDEN, read_question_set
from evals.answers.matching import flatten

ROOT = Path(__file__).parents[3]
GOLDEN_SET = read_question_set(GOLDEN)
TEXTS = {document.id: document.text for document in GOLDEN_SET.documents}


@pytest.mark.parametrize("question", GOLDEN_SET.questions, ids=lambda question: question.id)
def test_every_quote_stands_in_its_document(question):
    for need in question.needs:
        for place in need:
            remedy = "put the words of the document into questions.jsonl, or take the question out"
            assert place.document in TEXTS, f"There is no {place.document} under golden/documents: {remedy}"
            assert flatten(place.quote) in flatten(TEXTS[place.document]), (
                f"{place.document} does not say {place.quote!r}: {remedy}"
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
