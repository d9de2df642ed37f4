"""The scores of answers that are easy to check by hand."""

import numpy as np
import pytest

from evals.answers.gold import GoldPassage, GoldQuestion
from evals.answers.scoring import groundedness, score
from rag.types import ScoredChunk
from service.answering.declining import NOTHING_NEAR
from service.answering.drafts import Answer, Citation
from service.writing.base import WritingInput
from service.writing.unsure import UNSURE
from tests.support import passages

PASSAGES = {
    "mill": "The mill was built in 1820 by Anna Berg. It burnt down in 1902.",
    "bridge": "The bridge carries **eight** lanes.",
}
QUESTION = GoldQuestion(
    id="q",
    text="When was the mill built?",
    kind="span",
    evidence=[[GoldPassage(document="mill", quote="1820", is_span=True)]],
    spans=["1820"],
)
UNANSWERABLE = GoldQuestion(id="u", text="Who owns the mill?", kind="unanswerable")


def answer(text: str, *cited: str, declined: bool = False, unsure: bool = False) -> Answer:
    return Answer(
        id="a",
        text=text,
        declined=declined,
        unsure=unsure,
        citations=[Citation(number=number, hit=hit(name)) for number, name in enumerate(cited, start=1)],
        usage=None,
        timings={"embed": 0.01, "search": 0.02, "prompt": 0.03, "first_token": 0.04, "total": 0.2},
        model="m",
        mode="quote",
        writing_input=WritingInput(
            question=QUESTION.text, vector=np.zeros(4, np.float32), hits=[hit(name) for name in cited]
        ),
    )


def hit(name: str) -> ScoredChunk:
    return passages.hit(PASSAGES[name], document=name, heading="")


def test_a_correct_and_cited_answer_gets_full_scores():
    scores = score(QUESTION, answer("The mill was built in 1820. [1]", "mill"))
    assert (scores["containment"], scores["exact_match"], scores["answered"], scores["cited"]) == (1, 0, 1, 1)
    assert (scores["citation_precision"], scores["citation_recall"], scores["groundedness"]) == (1, 1, 1)
    # One of the five tokens "mill was built in 1820" is gold, and it is the only gold token: 2 · (1/5 · 1) / (1/5 + 1).
    assert scores["f1"] == pytest.approx(1 / 3)
    assert (scores["first_text_seconds"], scores["total_seconds"]) == (pytest.approx(0.1), 0.2)


def test_only_confidence_differs_if_a_correct_answer_is_unsure():
    text = "The mill was built in 1820. [1]"
    sure = score(QUESTION, answer(text, "mill"))
    unsure = score(QUESTION, answer(f"{UNSURE}{text}", "mill", unsure=True))
    assert {measure for measure, value in unsure.items() if value != sure[measure]} == {"unsure", "words"}
    assert unsure["unsure"] == 1


def test_exact_match_ignores_articles_and_punctuation():
    scores = score(QUESTION, answer("The 1820! [1]", "mill"))
    assert (scores["exact_match"], scores["f1"]) == (1, 1)


def test_a_citation_of_a_passage_without_gold_text_lowers_precision():
    scores = score(QUESTION, answer("It was built in 1820. [1] [2]", "mill", "bridge"))
    assert (scores["citation_precision"], scores["citation_recall"]) == (0.5, 1)
    assert score(QUESTION, answer("Eight lanes. [1]", "bridge"))["citation_recall"] == 0


def test_the_gold_span_in_another_document_does_not_count():
    elsewhere = GoldQuestion(
        id="q", text="?", kind="span", evidence=[[GoldPassage(document="other", quote="1820", is_span=True)]]
    )
    assert score(elsewhere, answer("In 1820. [1]", "mill"))["citation_precision"] == 0


def test_an_answer_without_citations_has_no_precision_and_no_recall():
    scores = score(QUESTION, answer("The mill was built in 1820."))
    assert "citation_precision" not in scores
    assert (scores["citation_recall"], scores["cited"], scores["groundedness"]) == (0, 0, 0)


def test_one_of_two_evidence_groups_gives_half_the_citation_recall():
    both = GoldQuestion(
        id="q",
        text="?",
        kind="multi-document",
        evidence=[
            [GoldPassage(document="mill", quote="It burnt down")],
            [
                GoldPassage(document="bridge", quote="carries eight lanes"),
                GoldPassage(document="other", quote="the same"),
            ],
        ],
    )
    assert score(both, answer("It carries eight lanes. [1]", "bridge"))["citation_recall"] == 0.5


def test_declining_is_correct_for_unanswerable_questions_only():
    nothing = answer(NOTHING_NEAR, declined=True)
    correct, wrong = score(UNANSWERABLE, nothing), score(QUESTION, nothing)
    assert (correct["refusal_precision"], correct["refusal_recall"]) == (1, 1)
    assert (wrong["refusal_precision"], wrong["answered"], wrong["citation_recall"]) == (0, 0, 0)
    assert score(UNANSWERABLE, answer("Anna Berg owns it. [1]", "mill"))["refusal_recall"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "The passages do not say who owns it.",
        "The documents don't contain that.",
        "No source says. The text does not mention it.",
    ],
)
def test_a_model_that_finds_no_answer_in_the_passages_declines(text):
    assert score(UNANSWERABLE, answer(text))["refusal_recall"] == 1


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("The mill was built in 1820 by Anna Berg. [1]", 1),
        ("It burnt down in 1902 [1].", 1),
        ("It burnt down in 1903 [1].", 0),
        ("It burnt down in 1902. It was built by Anna Berg. [1]", 0.5),
        ("The mill was built in 1820. [1] The bridge carries eight lanes. [2]", 1),
        ("The mill was built in 1820. [1] Two people were hurt when it burnt down.", 0.5),
        ("The mill was built in 1820.", 0),
    ],
)
def test_groundedness_is_the_share_of_sentences_that_their_citations_support(text, share):
    assert groundedness(answer(text, "mill", "bridge")) == share
