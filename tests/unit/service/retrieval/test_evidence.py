"""The order of candidates by the best that each could be quoted for."""

from service.retrieval.evidence import by_evidence
from tests.support.passages import hit, texts

MENTION = "Keys are kept with the other secrets, and the time-out of the gateway does not concern them."
ANSWER = "The time-out of the gateway is 30 seconds."


def test_a_passage_that_answers_comes_before_a_better_hit_that_mentions_the_words():
    hits = [hit(MENTION, score=0.62, ordinal=0), hit(ANSWER, score=0.6, ordinal=1)]
    assert texts(by_evidence("What is the time-out of the gateway?", hits)) == [ANSWER, MENTION]


def test_the_search_decides_if_it_is_sure():
    hits = [hit(MENTION, score=1.0, ordinal=0), hit(ANSWER, score=0.2, ordinal=1)]
    assert texts(by_evidence("What is the time-out of the gateway?", hits)) == [MENTION, ANSWER]


def test_the_scale_of_the_scores_does_not_matter():
    hits = [hit(MENTION, score=62, ordinal=0), hit(ANSWER, score=60, ordinal=1)]
    assert texts(by_evidence("What is the time-out of the gateway?", hits)) == [ANSWER, MENTION]


def test_without_scores_the_evidence_decides():
    without_scores = [hit(MENTION, score=0.0, ordinal=0), hit(ANSWER, score=0.0, ordinal=1)]
    assert texts(by_evidence("What is the time-out of the gateway?", without_scores)) == [ANSWER, MENTION]


def test_no_hit_is_lost_or_added():
    hits = [hit(f"Part {n} of the machine.", score=1 - n / 40, ordinal=n) for n in range(30)]
    ordered = by_evidence("How many parts has the machine?", hits)
    assert sorted(texts(ordered)) == sorted(texts(hits))
    assert ordered[20:] == hits[20:]


def test_passages_of_questions_only_keep_their_order():
    hits = [hit("Who opens the valve?", score=0.9), hit("Who closes the valve?", score=0.8, ordinal=1)]
    assert texts(by_evidence("valve", hits)) == texts(hits)
    assert by_evidence("valve", []) == []
