"""Selection: duplicates and the limit per document."""

from service.retrieval.selection import select, spread, without_duplicates
from tests.support.passages import hit, texts

LONG = (
    "Before any work on the pump close the inlet valve and wait until the pressure gauge shows zero bar for {} minutes"
)


def test_case_and_punctuation_do_not_make_passages_different():
    hits = [hit("Close the inlet valve."), hit("close  the INLET valve", document="copy"), hit("Open it.")]
    assert texts(without_duplicates(hits, overlap=0.9)) == ["Close the inlet valve.", "Open it."]


def test_the_better_one_of_two_near_duplicates_is_selected():
    first, second = " ".join(f"word{n}" for n in range(100)), " ".join(f"word{n}" for n in range(101))
    assert texts(without_duplicates([hit(first), hit(second)], overlap=0.9)) == [first]
    assert len(list(without_duplicates([hit(first), hit(second)], overlap=1.0))) == 2


def test_passages_that_agree_exactly_as_far_as_the_limit_are_duplicates():
    # Seven words have three runs of five, and eight words have four.
    hits = [hit("one two three four five six seven"), hit("one two three four five six seven eight")]
    assert len(list(without_duplicates(hits, overlap=3 / 4))) == 1


def test_passages_that_differ_in_a_number_are_both_selected():
    hits = [hit(LONG.format(10)), hit(LONG.format(20))]
    assert len(list(without_duplicates(hits, overlap=0.5))) == 2


def test_a_passage_that_contains_another_one_is_selected():
    short = "The canteen serves pancakes every Thursday from noon on."
    assert len(list(without_duplicates([hit(short), hit(f"{short} {LONG}")], overlap=0.9))) == 2


def test_passages_without_words_are_duplicates():
    assert len(list(without_duplicates([hit("---"), hit("***"), hit("a word")], overlap=0.9))) == 2


def test_passages_beyond_the_limit_per_document_come_last():
    hits = [hit(f"a{n}", document="a") for n in range(4)] + [hit("b", document="b")]
    assert texts(spread(hits, per_document=2)) == ["a0", "a1", "b", "a2", "a3"]


def test_every_candidate_has_a_reason():
    hits = [
        hit("first of a", document="a"),
        hit("First of a.", document="copy"),
        hit("second of a", document="a"),
        hit("of b", document="b"),
        hit("of c", document="c"),
    ]
    selection = select(hits, limit=2, overlap=0.9, per_document=1)
    assert texts(selection.hits) == ["first of a", "of b"]
    reasons = ["taken", "repeats", "document_has_its_share", "taken", "beyond_limit"]
    assert [(it.hit, it.reason) for it in selection.candidates] == list(zip(hits, reasons, strict=True))
