"""The rubric, on answers that a person would grade the same."""

import pytest

from evals.answers.gold import GoldPassage, GoldQuestion
from evals.answers.matching import split_answer
from evals.answers.rubric import grade, sentence_f1

PORTS = GoldQuestion(
    id="q",
    text="On which ports do they listen?",
    kind="number",
    evidence=[
        [GoldPassage(document="a", quote="The service listens on port 8000.", parts=("8000",))],
        [
            GoldPassage(document="a", quote="The worker listens on port 8001.", parts=("8001",)),
            GoldPassage(document="b", quote="Its metrics are one port above.", parts=("one port above",)),
        ],
    ],
)
UNANSWERABLE = GoldQuestion(id="u", text="Who owns the mill?", kind="unanswerable")
UNSURE = "Nothing here is clearly an answer.\n\n"
FILLER = "Nothing of this is about the question that was asked, as anyone can see. " * 4


def graded(text: str, *, question: GoldQuestion = PORTS, cited: bool = True, **state: bool) -> str:
    scores = grade(question, text, **{"declined": False, **state}, cited=cited)
    [outcome] = [name for name in ("right", "partly", "wrong") if scores[name] == 1]
    return f"{outcome}, confident" if scores["wrong_with_confidence"] else outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("The service listens on port `8000`, the worker on **8001**. [1]", "right"),
        ("Port 8000, and the metrics are *one port above*. [1]", "right"),
        (f"{FILLER} Ports 8000 and 8001. [1]", "partly"),
        ("The service listens on port 8000. [1]", "partly"),
        ("It listens on port 18000. [1]", "wrong, confident"),
        ("It listens on 8000.5 and on 8001_b. [1]", "wrong, confident"),
    ],
    ids=["both", "an alternative", "too late", "one of two", "another number", "a part of a number"],
)
def test_an_answer_is_graded_by_where_its_parts_stand(text, outcome):
    assert graded(text) == outcome


def test_a_declined_or_uncited_answer_is_wrong_without_confidence():
    assert graded("The documents do not say anything about this: 8000, 8001.", declined=True, cited=False) == "wrong"
    assert graded("I think that it is 80.", cited=False) == "wrong"


def test_an_unsure_answer_can_be_right_but_not_wrong_with_confidence():
    assert graded(f"{UNSURE}Ports 8000 and 8001. [1]", unsure=True) == "right"
    assert graded(f"{UNSURE}It is 80. [1]", unsure=True) == "wrong"
    assert graded(f"{UNSURE}Anna Berg owns it. [1]", question=UNANSWERABLE, unsure=True) == "wrong"


def test_the_paragraph_of_an_unsure_answer_is_a_part_of_the_opening():
    text = f"{'x' * 230} ports 8000 and 8001."
    assert (graded(text), graded(f"{UNSURE}{text}", unsure=True)) == ("right", "partly")


@pytest.mark.parametrize("text", [f"{UNSURE}8000 it is, 8001 too. [1]", "8000 it is, 8001 too. [1]"])
def test_measures_by_sentence_leave_out_the_paragraph_of_an_unsure_answer(text):
    scores = grade(PORTS, text, declined=False, cited=True, unsure=True)
    assert scores["first_sentence"] == 1
    assert scores["sentence_f1"] == grade(PORTS, "8000 it is, 8001 too. [1]", declined=False, cited=True)["sentence_f1"]


def test_a_question_without_an_answer_is_right_if_it_is_declined():
    assert graded("Nothing near enough was found.", question=UNANSWERABLE, declined=True, cited=False) == "right"
    assert graded("Anna Berg owns it. [1]", question=UNANSWERABLE) == "wrong, confident"


def test_a_block_that_is_longer_than_the_opening_gets_its_own_length():
    items = [f"- part number {number} of the long list, in many words" for number in range(9)]
    block = "\n".join(items)
    question = GoldQuestion(
        id="q",
        text="Which parts are there?",
        kind="list",
        evidence=[[GoldPassage(document="a", quote=block, parts=("part number 0", "part number 8"))]],
    )
    assert len(block) > 250
    assert graded(f"There are these parts:\n\n{block}\n[1]", question=question) == "right"
    assert graded(f"{FILLER}\n\n{block}\n[1]", question=question) == "partly"


def test_the_first_sentence_holds_the_answer_or_does_not():
    assert grade(PORTS, "8000 and 8001. More follows here.", declined=False, cited=True)["first_sentence"] == 1
    assert grade(PORTS, "8000 it is. And 8001 too.", declined=False, cited=True)["first_sentence"] == 0


def test_an_answer_is_split_into_sentences_rows_and_lines_of_code():
    text = "Run this:\n\n```sh\nmake run\n```\n\nIt wraps\na line. Then it ends.\n\n- one\n- two"
    assert split_answer(text) == ["Run this:\n```sh", "make run", "It wraps a line.", "Then it ends.", "- one", "- two"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The mill was built in 1820. It burnt down in 1902.", 1.0),
        ("The mill was built in 1820.", 2 / 3),
        ("The mill was built in 1820. Birds sing there. Fish swim there. Cats sleep there.", 1 / 3),
        ("Birds sing there.", 0.0),
        ("", 0.0),
    ],
)
def test_sentence_f1_counts_gold_sentences(text, value):
    gold = ["The mill was built in 1820 by Anna Berg.", "It burnt down in 1902."]
    assert sentence_f1(text, gold) == pytest.approx(value)
