"""The relevance that decides between an answer and declining."""

import pytest

from service.retrieval.retriever import nearness
from service.sentences import coverage
from tests.support.passages import hit


@pytest.mark.parametrize(
    ("question", "share"),
    [
        ("What does RAG_DRAIN_SECONDS do?", 1.0),
        ("When do the streams get time?", 1.0),
        ("Which streams bake bread?", 1 / 3),
        ("How is the weather?", 0.0),
        ("What is that?", 0.5),
    ],
)
def test_function_words_do_not_count_as_shared_words(question, share):
    passage = "RAG_DRAIN_SECONDS: the time that running streams get when the service stops."
    assert coverage(question, passage) == pytest.approx(share)


def test_shared_words_raise_the_relevance_at_equal_cosine():
    with_words, without = hit("The pump needs oil.", similarity=0.3), hit("Lubrication is a must.", similarity=0.3)
    assert nearness("Which oil does the pump need?", [with_words]) > nearness(
        "Which oil does the pump need?", [without]
    )


def test_the_best_passage_decides_at_any_rank():
    near, far = hit("The pump needs oil.", similarity=0.6), hit("Canteen hours.", similarity=0.1)
    assert nearness("pump oil", [far, near]) == nearness("pump oil", [near]) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("question", "is_near"),
    [
        ("How do I use --strict?", True),
        ("Why would anyone change APP_PORT at night?", True),
        ("How do I use --lenient?", False),
        ("Do I need --strict and APP_HOST?", False),
        ("How do I use it strictly?", False),
        ("Where does my user_id come from?", False),
    ],
)
def test_a_passage_with_the_setting_or_flag_of_the_question_is_near(question, is_near):
    passage = hit("`--strict` fails on warnings of a user_id. `APP_PORT` is the port.", similarity=0.1)
    assert (nearness(question, [passage]) == 1.0) is is_near


def test_without_passages_nothing_is_relevant():
    assert nearness("pump oil", []) == -1.0
