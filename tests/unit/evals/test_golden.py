"""The golden set is consistent with its documents."""

from collections import Counter
from pathlib import Path

import pytest

from evals.answers.gold import GOLDEN, read_question_set
from evals.answers.matching import flatten

ROOT = Path(__file__).parents[3]
GOLDEN_SET = read_question_set(GOLDEN)
TEXTS = {document.id: document.text for document in GOLDEN_SET.documents}


@pytest.mark.parametrize("question", GOLDEN_SET.questions, ids=lambda question: question.id)
def test_every_quote_occurs_in_its_document(question):
    for group in question.evidence:
        for passage in group:
            remedy = "quote the document's current words in questions.jsonl, or remove the question"
            assert passage.document in TEXTS, f"There is no {passage.document} under golden/documents: {remedy}"
            assert flatten(passage.quote) in flatten(TEXTS[passage.document]), (
                f"{passage.document} does not contain {passage.quote!r}: {remedy}"
            )


def test_question_ids_are_unique():
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


def test_exactly_the_answerable_questions_have_evidence_and_references():
    for question in GOLDEN_SET.questions:
        assert question.is_answerable == bool(question.evidence) == bool(question.references), question.id


def test_multi_document_questions_have_evidence_in_several_documents():
    for question in GOLDEN_SET.questions:
        if question.kind == "multi-document":
            assert len({group[0].document for group in question.evidence}) > 1, question.id
