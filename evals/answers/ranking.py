"""How far up the search puts the passages that answer, whatever the chunker made of them."""

from collections.abc import Iterator, Mapping, Sequence

import ir_measures
from ir_measures import RR, R, nDCG

from evals.answers.gold import GoldQuestion
from evals.answers.scoring import Scores
from evals.collection import SCOPE
from rag.types import ScoredChunk
from service.answering.answerer import Inquiry
from service.metrics import ANSWER_STAGES
from service.resources import Resources

_DEPTH = 10
_MEASURES = [nDCG @ 10, R @ 5, RR @ 10]


async def rank_all(questions: Sequence[GoldQuestion], resources: Resources) -> dict[str, Scores]:
    """Question id to nDCG@10, R@5 and RR@10, of the answerable questions."""
    needed: dict[str, dict[str, int]] = {}
    found: dict[str, dict[str, float]] = {}
    for question in questions:
        if question.needs:
            inquiry = Inquiry(scope=SCOPE, question=question.text, limit=_DEPTH)
            material = await resources.answerer.search(inquiry, ANSWER_STAGES.start())
            needed[question.id] = {_name(need): 1 for need in range(len(question.needs))}
            found[question.id] = _ranked(question, material.hits)
    return _calculate(needed, found)


def _ranked(question: GoldQuestion, hits: Sequence[ScoredChunk]) -> dict[str, float]:
    names = list(_names(question, hits))
    return {name: float(len(names) - rank) for rank, name in enumerate(names)}


def _names(question: GoldQuestion, hits: Sequence[ScoredChunk]) -> Iterator[str]:
    """A passage is called after the need that it is the first to meet: a second that says the same gains nothing."""
    met: set[int] = set()
    for rank, hit in enumerate(hits):
        chunk = hit.chunk
        news = [
            number
            for number, need in enumerate(question.needs)
            if number not in met and any(place.is_in(chunk.document_id, chunk.passage) for place in need)
        ]
        met.update(news)
        yield from (_name(number) for number in news) if news else (f"other {rank}",)


def _name(need: int) -> str:
    return f"need {need}"


def _calculate(needed: Mapping[str, Mapping[str, int]], found: Mapping[str, Mapping[str, float]]) -> dict[str, Scores]:
    scores: dict[str, Scores] = {question: {} for question in needed}
    for metric in ir_measures.iter_calc(_MEASURES, needed, found):
        scores[metric.query_id][str(metric.measure)] = metric.value
    return scores
