"""Two rankings to one: each one's scores on one scale, then their weighted sum (docs/adr/0017)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A point as one ranking gives it."""

    id: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """A point with its place in both rankings; None where a ranking does not have it."""

    id: str
    score: float
    """0 to 1."""
    dense: float | None
    bm25: float | None


def fuse(dense: Sequence[Ranked], bm25: Sequence[Ranked], *, words_share: float) -> list[Fused]:
    """Best first; equal scores by id, so that the same search gives the same order."""
    by_vector, by_words = _normalised(dense), _normalised(bm25)
    raw_dense, raw_bm25 = _raw(dense), _raw(bm25)
    fused = [
        Fused(
            id=key,
            score=(1 - words_share) * by_vector.get(key, 0.0) + words_share * by_words.get(key, 0.0),
            dense=raw_dense.get(key),
            bm25=raw_bm25.get(key),
        )
        for key in raw_dense | raw_bm25
    ]
    return sorted(fused, key=lambda point: (-point.score, point.id))


def _raw(ranking: Sequence[Ranked]) -> dict[str, float]:
    return {point.id: point.score for point in ranking}


def _normalised(ranking: Sequence[Ranked]) -> Mapping[str, float]:
    """The best of a ranking is 1, its last 0; where all are equal, they are all 1."""
    scores = [point.score for point in ranking]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    if high == low:
        return {point.id: 1.0 for point in ranking}
    return {point.id: (point.score - low) / (high - low) for point in ranking}
