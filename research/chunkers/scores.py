"""How much of what answers was retrieved, and how much else: span by span, as Chroma's report defines it.

Formulas and the treatment of overlaps are those of `BaseEvaluation` in github.com/brandonstarxel/chunking_evaluation.
The report speaks of tokens; its code, and with it every number that it gives, counts characters, and so does this.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from research.chunkers.benchmark import ReferenceQuestion, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """A part of one corpus as it is handed on."""

    corpus: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of one question, or the means over several; each 0 to 1."""

    recall: float
    """Characters of the references that were retrieved / characters of the references."""
    precision: float
    """The same / characters retrieved. What is retrieved twice counts twice, and so does every other corpus's."""
    iou: float
    """The same / (characters retrieved + characters of the references that were not)."""


def score(question: ReferenceQuestion, retrieved: Sequence[Retrieved]) -> Scores:
    own = [part.span for part in retrieved if part.corpus == question.corpus]
    hit = total(union(_intersections(own, question.references)))
    missed = total(union(question.references)) - hit
    all_retrieved = total(part.span for part in retrieved)
    return Scores(
        recall=hit / total(question.references),
        precision=hit / all_retrieved if all_retrieved else 0.0,
        iou=hit / (all_retrieved + missed),
    )


def precision_omega(question: ReferenceQuestion, chunks: Mapping[str, Sequence[Span]]) -> float:
    """The IoU of a retrieval that takes every chunk which holds a part of a reference and no other one."""
    touching = [
        chunk
        for chunk in chunks[question.corpus]
        if any(_intersect(chunk, reference) for reference in question.references)
    ]
    hit = total(union(_intersections(touching, question.references)))
    return hit / total(union([*touching, *question.references]))


def union(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def total(spans: Iterable[Span]) -> int:
    return sum(end - start for start, end in spans)


def _intersections(some: Iterable[Span], others: Sequence[Span]) -> list[Span]:
    return [found for one in some for other in others if (found := _intersect(one, other))]


def _intersect(one: Span, other: Span) -> Span | None:
    start, end = max(one[0], other[0]), min(one[1], other[1])
    return (start, end) if start < end else None
