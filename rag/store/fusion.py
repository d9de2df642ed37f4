"""Two rankings to one: a weighted sum of their scores, each as a share of its ranking's best, and what the passages
found say of one another (docs/adr/0017)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.types import Vector

SMOOTHED = 50
"""So many of the best are compared with one another."""
_NEIGHBOURS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A point as one ranking gives it."""

    id: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """A point with its score in both rankings; None where a ranking does not have it."""

    id: str
    score: float
    """At most 1: the best of both rankings."""
    dense: float | None
    bm25: float | None


def fuse(dense: Sequence[Ranked], bm25: Sequence[Ranked], *, words_share: float) -> list[Fused]:
    """Best first; equal scores by id, so that the same search gives the same order.

    The convex combination of Bruch, Gai and Ingber (TOIS 2023), with 0 as the least score of both rankings: it does
    not depend on how deep the rankings are. What one of them does not have gets nothing from it.
    """
    by_vector, by_words = _scores(dense), _scores(bm25)
    best_by_vector, best_by_words = _best(by_vector), _best(by_words)
    fused = [
        Fused(
            id=key,
            score=(1 - words_share) * by_vector.get(key, 0.0) / best_by_vector
            + words_share * by_words.get(key, 0.0) / best_by_words,
            dense=by_vector.get(key),
            bm25=by_words.get(key),
        )
        for key in by_vector | by_words
    ]
    return sorted(fused, key=lambda point: (-point.score, point.id))


def smooth(fused: Sequence[Fused], vectors: Mapping[str, Vector], *, share: float) -> list[Fused]:
    """`share` of each score of the best from its two nearest neighbours among them; one without a vector is gone.

    Near passages are relevant to the same questions, so their scores should agree: the regularization of Diaz (CIKM
    2005) in one step. A neighbour counts by its cosine.
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
    # One that is at right angles to all others has no neighbours and keeps its score.
    around = np.where(total > 0, (weights * scores[nearest]).sum(axis=1) / np.maximum(total, 1e-9), scores)
    smoothed = (1 - share) * scores + share * around
    moved = [replace(point, score=float(score)) for point, score in zip(best, smoothed, strict=True)]
    return [*sorted(moved, key=lambda point: (-point.score, point.id)), *fused[SMOOTHED:]]


def _scores(ranking: Sequence[Ranked]) -> dict[str, float]:
    return {point.id: point.score for point in ranking}


def _best(scores: dict[str, float]) -> float:
    """Where nothing is better than nothing, scores stay as they are."""
    best = max(scores.values(), default=0.0)
    return best if best > 0 else 1.0
