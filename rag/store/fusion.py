"""Two rankings to one: a weighted sum of their scores, each as a share of its ranking's best (docs/adr/0017)."""

from collections.abc import Sequence
from dataclasses import dataclass


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


def _scores(ranking: Sequence[Ranked]) -> dict[str, float]:
    return {point.id: point.score for point in ranking}


def _best(scores: dict[str, float]) -> float:
    """Where nothing is better than nothing, scores stay as they are."""
    best = max(scores.values(), default=0.0)
    return best if best > 0 else 1.0
