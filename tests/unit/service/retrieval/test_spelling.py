"""Correction of misspelt words by the words of the passages that a search has found."""

import pytest

from service.retrieval.spelling import correct, find_unknown, spellings
from tests.support.passages import hit

HITS = [hit("The valve is closed."), hit("Open the valve.", ordinal=1), hit("The value is high.", ordinal=2)]


@pytest.mark.parametrize(
    ("question", "unknown"),
    [
        ("open the vlave", ["vlave"]),
        ("VLAVE", ["vlave"]),
        ("are both valves high", []),
        ("a pmup and its shfat", ["shfat"]),
        ("aabbc bbccd ccdde ddeef", ["aabbc", "bbccd", "ccdde"]),
    ],
)
def test_long_words_that_begin_no_word_of_a_passage_are_unknown(question, unknown):
    assert find_unknown(question, HITS) == unknown


@pytest.mark.parametrize("misspelt", ["vlave", "vlve", "vallve", "valfe"])
def test_a_word_that_differs_by_one_letter_is_corrected(misspelt):
    assert "valve" in spellings([misspelt]).split()
    assert correct(f"Open the {misspelt.upper()}!", [misspelt], HITS) == "Open the valve!"


def test_of_two_words_the_one_that_more_passages_contain_is_chosen():
    assert correct("valbe", ["valbe"], HITS) == "valve"


def test_a_word_that_the_collection_contains_stays_and_the_next_one_is_corrected():
    assert correct("valve or vlave", ["valve", "vlave"], HITS) == "valve or valve"


def test_without_a_similar_word_nothing_is_corrected():
    assert correct("Open the gasket", ["gasket"], HITS) == ""
