"""Fuses two rankings into one by a weighted sum of normalised scores, and smooths the result (docs/adr/0017)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rag.types import Vector

Ranking = Mapping[str, float]
"""The scores of points by id."""

SMOOTHED = 50
"""Number of top hits whose scores are smoothed."""
_NEIGHBOURS = 2  # Two to five neighbours gain about the same (docs/adr/0017).


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """A point of the fused ranking, with its score in each ranking or None."""

    id: str
    score: float
    """At most 1, for the best point of both rankings."""
    dense: float | None
    bm25: float | None


def to_ranking(points: Iterable[Any]) -> Ranking:
    """Convert scored points of either Qdrant client."""
    return {str(point.id): point.score for point in points}


def fuse(dense: Ranking, bm25: Ranking, *, words_share: float) -> list[Fused]:
    """Return the points of both rankings, best first. Equal scores are ordered by id, so results are reproducible.

    This is the convex combination of Bruch, Gai and Ingber (TOIS 2023), with 0 as the lowest score of each ranking.
    So the result does not depend on the depth of the rankings. A point that a ranking lacks scores 0 in it.
    """
    best_dense, best_bm25 = _best(dense), _best(bm25)
    fused = [
        Fused(
            id=key,
            score=(1 - words_share) * dense.get(key, 0.0) / best_dense + words_share * bm25.get(key, 0.0) / best_bm25,
            dense=dense.get(key),
            bm25=bm25.get(key),
        )
        for key in dense.keys() | bm25.keys()
    ]
    return sorted(fused, key=lambda point: (-point.score, point.id))


def smooth(fused: Sequence[Fused], vectors: Mapping[str, Vector], *, share: float) -> list[Fused]:
    """Take `share` of each top score from the two nearest neighbours among the top hits, weighted by cosine.

    Similar passages are relevant to the same questions, so their scores should agree: this is one step of the
    regularization of Diaz (CIKM 2005). A point without a vector is dropped.
    """
    best = [point for point in fused[:SMOOTHED] if point.id in vectors]
    if len(best) <= _NEIGHBOURS:
        return [*best, *fused[SMOOTHED:]]
    stacked = np.stack([vectors[point.id] for point in best])
    nearness = np.maximum(stacked @ stacked.T, 0.0)
    np.fill_diagonal(nearness, 0.0)
    nearest = np.argpartition(-nearness, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
    weights = np.take_along_axis(nearness, nearest, axis=1)
    scores = np.array([point.score for point in best])
    total = weights.sum(axis=1)
    # A point that is orthogonal to all others has no neighbours and keeps its score.
    neighbour_scores = np.where(total > 0, (weights * scores[nearest]).sum(axis=1) / np.maximum(total, 1e-9), scores)
    smoothed = (1 - share) * scores + share * neighbour_scores
    moved = [replace(point, score=float(score)) for point, score in zip(best, smoothed, strict=True)]
    return [*sorted(moved, key=lambda point: (-point.score, point.id)), *fused[SMOOTHED:]]


def _best(scores: Ranking) -> float:
    """Return the best score, or 1 if no score is positive."""
    best = max(scores.values(), default=0.0)
    return best if best > 0 else 1.0
