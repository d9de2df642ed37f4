"""Recall, precision and IoU of retrieved spans, as Chroma's report defines them.

The formulas and the treatment of overlaps are those of `BaseEvaluation` in
github.com/brandonstarxel/chunking_evaluation. The report speaks of tokens, but its code and all its results count
characters, as this module does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from research.chunkers.benchmark import ReferenceQuestion, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """A retrieved span of one corpus."""

    corpus: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The scores of one question, from 0 to 1."""

    recall: float
    """Retrieved characters of the references / characters of the references."""
    precision: float
    """Retrieved characters of the references / retrieved characters. Repeated text counts each time."""
    iou: float
    """Retrieved characters of the references / (retrieved characters + missed characters of the references)."""


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
    """Return the IoU of a retrieval of exactly the chunks that contain a part of a reference."""
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
