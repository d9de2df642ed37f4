"""The order of passages for a reader who begins with the first."""

import numpy as np

from service.answering.searching import Searcher
from service.retrieval.retriever import Retriever
from service.retrieval.selection import Candidate
from service.settings import RetrievalSettings
from service.writing.base import WritingInput
from tests.support.passages import hit, texts

MENTION = hit("The gateway has a time-out, and the log names what was slow.", score=0.62)
ANSWER = hit("The time-out of the gateway is 30 seconds.", score=0.6, ordinal=1)


def found(**more) -> WritingInput:
    candidates = [Candidate(hit=MENTION, reason="taken"), Candidate(hit=ANSWER, reason="beyond_limit")]
    question = "What is the time-out of the gateway?"
    vector = np.zeros(2, np.float32)
    return WritingInput(question=question, vector=vector, hits=[MENTION], candidates=candidates, **more)


def searcher() -> Searcher:
    """Return a searcher whose parts that read from a store or a model are not used."""
    return Searcher(None, Retriever(None, RetrievalSettings()), None)


def test_a_passage_that_answers_takes_the_place_of_one_that_mentions_the_words():
    ordered = searcher().in_reading_order(found(), limit=1)
    assert texts(ordered.hits) == [ANSWER.chunk.text]
    assert [(it.hit, it.reason) for it in ordered.candidates] == [(ANSWER, "taken"), (MENTION, "beyond_limit")]


def test_the_order_of_a_reranker_stands():
    reranked = found(reranking="full")
    assert searcher().in_reading_order(reranked, limit=1) == reranked
