"""Ranking quality of the search, measured on the passages that answer and independent of the chunker."""

from collections.abc import Iterator, Mapping, Sequence

import ir_measures
from ir_measures import RR, R, nDCG

from evals.answers.gold import GoldQuestion
from evals.answers.scoring import Scores
from evals.collection import SCOPE
from rag.types import ScoredChunk
from service.answering.events import Inquiry
from service.answering.follow_ups import Turn
from service.metrics import ANSWER_STAGES
from service.resources import Resources

_DEPTH = 10
_MEASURES = [nDCG @ 10, R @ 3, R @ 5, RR @ 10]


async def rank_all(questions: Sequence[GoldQuestion], resources: Resources) -> dict[str, Scores]:
    """Return nDCG@10, R@3, R@5 and RR@10 of the answerable questions, by question id."""
    relevant: dict[str, dict[str, int]] = {}
    rankings: dict[str, dict[str, float]] = {}
    for question in questions:
        if question.evidence:
            inquiry = Inquiry(scope=SCOPE, question=question.text, turns=earlier_turns(question), limit=_DEPTH)
            material = await resources.answerer.search(inquiry, ANSWER_STAGES.start())
            relevant[question.id] = {_group_name(number): 1 for number in range(len(question.evidence))}
            rankings[question.id] = _to_ranking(question, material.hits)
    return _calculate(relevant, rankings)


def earlier_turns(question: GoldQuestion) -> Sequence[Turn]:
    """Return the conversation before a follow-up."""
    return [Turn(question=question.earlier, answer="")] if question.earlier else ()


def _to_ranking(question: GoldQuestion, hits: Sequence[ScoredChunk]) -> dict[str, float]:
    names = list(_names(question, hits))
    return {name: float(len(names) - rank) for rank, name in enumerate(names)}


def _names(question: GoldQuestion, hits: Sequence[ScoredChunk]) -> Iterator[str]:
    """Name each passage after the evidence groups that it is the first to contain.

    A second passage with the same evidence gets another name, so it gains nothing.
    """
    seen: set[int] = set()
    for rank, hit in enumerate(hits):
        chunk = hit.chunk
        new_groups = [
            number
            for number, group in enumerate(question.evidence)
            if number not in seen and any(place.is_in(chunk.document_id, chunk.passage) for place in group)
        ]
        seen.update(new_groups)
        yield from (_group_name(number) for number in new_groups) if new_groups else (f"other {rank}",)


def _group_name(number: int) -> str:
    return f"group {number}"


def _calculate(
    relevant: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Mapping[str, float]]
) -> dict[str, Scores]:
    scores: dict[str, Scores] = {question: {} for question in relevant}
    for metric in ir_measures.iter_calc(_MEASURES, relevant, rankings):
        scores[metric.query_id][str(metric.measure)] = metric.value
    return scores
