"""The own question sets are consistent with their documents."""

from collections import Counter
from pathlib import Path

import pytest

from evals.answers import gold
from evals.answers.gold import GOLDEN, MANUALS, MULTI_HOP, read_question_set
from evals.answers.matching import contains_words

ROOT = Path(__file__).parents[3]
GOLDEN_SET = read_question_set(GOLDEN)
MANUAL_SET = read_question_set(MANUALS)
MULTI_HOP_SET = read_question_set(MULTI_HOP)
EVERY_QUESTION = [*GOLDEN_SET.questions, *MANUAL_SET.questions, *MULTI_HOP_SET.questions]
TEXTS = {document.id: document.text for document in GOLDEN_SET.documents}
# A clone must stay small, so larger sets are read from a folder.
LARGEST_BYTES = 1_000_000


@pytest.mark.parametrize("question", EVERY_QUESTION, ids=lambda question: question.id)
def test_every_quote_and_every_part_of_it_occurs_in_the_document(question):
    for group in question.evidence:
        for passage in group:
            remedy = "quote the document's current words in questions.jsonl, or remove the question"
            assert passage.document in TEXTS, f"There is no {passage.document} under golden/documents: {remedy}"
            for words in (passage.quote, *passage.parts):
                assert contains_words(TEXTS[passage.document], words), (
                    f"{passage.document} does not contain {words!r}: {remedy}"
                )


def test_multi_hop_questions_need_two_passages_and_some_have_no_answer():
    needed = Counter(len(question.evidence) for question in MULTI_HOP_SET.questions)
    assert needed == {2: 22, 0: 8}


def test_question_ids_are_unique():
    names = Counter(question.id for question in EVERY_QUESTION)
    assert not [name for name, count in names.items() if count > 1]


def test_the_copied_documents_are_small_and_come_with_their_licence():
    folder = Path(gold.__file__).parent / "golden" / "documents"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < LARGEST_BYTES
    assert "Apache License" in (folder / "prometheus" / "LICENSE").read_text(encoding="utf-8")


def test_the_questions_about_manuals_have_every_kind_on_both_halves():
    halves = Counter((question.kind, question.half) for question in MANUAL_SET.questions)
    kinds = {kind for kind, _ in halves}
    assert sum(halves.values()) >= 150
    assert len(kinds) >= 13
    for kind in kinds:
        choose, report = halves[kind, "choose"], halves[kind, "report"]
        assert abs(choose - report) <= 2, (
            f"{kind}: {choose} to choose on, {report} to report; give a new question another id"
        )


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
