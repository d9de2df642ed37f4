"""Whether two samples of vectors come from the same place: one test made of two statistics, by permutation.

MMD sees that the whole has moved; strangers see the few that have little like them, which a mean over all pairs hardly
notices. Each is put into deviations of its own permutations, and the larger counts (docs/adr/0028). Both look at the
two samples together and then ask who is current, so the permutations are exact however large the samples are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from evals.statistics import Interval
from service.drift.reference import Vectors

Array = npt.NDArray[np.float64]

PERMUTATIONS = 9_999
_SEED = 28
# Of both samples together: how many of the strangest are counted. The best of these shares counts.
_TAILS = (0.02, 0.05, 0.1, 0.2, 0.35)
# A stranger is far from its nearest 5 % of both samples: fewer, and strangers would be each other's company.
_NEIGHBOURS = 0.05
_FEWEST_NEIGHBOURS = 5
_SYMMETRIC = 1e-3
# Squared distance of a text from itself, as halves of floats and batches round it.
_SAME = 1e-4
_FOLDS = 5
# Instead of a division by zero, where all questions are one and the same.
_NOTHING = 1e-12
_NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """What the test says."""

    mmd: float
    """The unbiased MMD² of Gretton et al. (2012), Gaussian kernel as wide as the median distance of what differs; about
    0 without a shift, and as often below it as above."""
    strangers: float
    """By how many standard deviations more of the strangest are the current sample's than chance would have it."""
    score: float
    """The larger of the two, in standard deviations of its permutations."""
    p_value: float
    """How often chance alone makes the score as large: (1 + permutations that do) / (1 + permutations). One-sided."""


def measure_shift(reference: Vectors, current: Vectors, *, permutations: int = PERMUTATIONS) -> Shift:
    """Each of shape (questions, dimension) and norm 1. The same samples give the same result."""
    labels = _labels(len(reference), len(current), permutations)
    vectors = np.concatenate([reference, current])
    cosines = vectors @ vectors.T
    mmd, strangers = _mmds(cosines, labels), _strangers(cosines, labels)
    score = np.maximum(_normalised(mmd), _normalised(strangers))
    # What is equal may differ in its last bits.
    as_large = int(np.sum(score[1:] >= score[0] - 1e-9))
    return Shift(
        mmd=float(mmd[0]),
        strangers=float(strangers[0]),
        score=float(score[0]),
        p_value=(1 + as_large) / (1 + permutations),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """How well a classifier tells the two samples apart, on questions that it was not trained with."""

    auc: float
    """One half: not at all."""
    interval: Interval
    """95 %, by DeLong et al. (1988), widened because folds share what they learn from (Nadeau and Bengio, 2003)."""
    scores: Array
    """Of each question, the reference's first; larger is more like the current sample."""


def separate(reference: Vectors, current: Vectors) -> Separation:
    """Fisher's discriminant with a shrunk covariance, five folds."""
    vectors = np.concatenate([reference, current]).astype(np.float64)
    is_current = np.arange(len(vectors)) >= len(reference)
    scores = np.empty(len(vectors))
    for fold in _folds(is_current):
        held_out = np.zeros(len(vectors), dtype=bool)
        held_out[fold] = True
        scores[fold] = _discriminate(vectors[~held_out], is_current[~held_out], vectors[fold])
    auc, error = _delong(scores[is_current], scores[~is_current])
    error *= np.sqrt(1 + _FOLDS / (_FOLDS - 1))
    low, high = float(auc - _NORMAL_95 * error), float(auc + _NORMAL_95 * error)
    return Separation(auc=auc, interval=(max(0.0, low), min(1.0, high)), scores=scores)


@lru_cache(maxsize=16)
def _labels(references: int, currents: int, permutations: int) -> npt.NDArray[np.float32]:
    """Who is current, shape (both, 1 + permutations): the first column as it is, the others by chance."""
    both = references + currents
    labels = np.zeros((both, 1 + permutations), dtype=np.float32)
    labels[references:, 0] = 1
    random = np.random.default_rng(_SEED)
    for column in range(1, 1 + permutations):
        labels[random.permutation(both)[:currents], column] = 1
    return labels


def _mmds(cosines: Vectors, labels: npt.NDArray[np.float32]) -> Array:
    """MMD² under each column of labels."""
    distances = np.maximum(2 - 2 * cosines, 0)
    # Of those that differ: where one question makes most of both samples, the median of all is nothing.
    apart = distances[distances > _SAME]
    kernel = np.exp(-distances / np.median(apart)) if apart.size else np.ones_like(distances)
    np.fill_diagonal(kernel, 0)
    current = float(labels[:, 0].sum())
    reference = len(labels) - current
    within_current = np.einsum("ij,ij->j", labels, kernel @ labels).astype(np.float64)
    from_current = (kernel.sum(axis=1) @ labels).astype(np.float64)
    across = from_current - within_current
    within_reference = kernel.sum(dtype=np.float64) - 2 * across - within_current
    found: Array = (
        within_reference / (reference * (reference - 1))
        + within_current / (current * (current - 1))
        - 2 * across / (reference * current)
    )
    return found


def _strangers(cosines: Vectors, labels: npt.NDArray[np.float32]) -> Array:
    """Under each column of labels: of the strangest, how many are current, in standard deviations; the best tail."""
    both = len(labels)
    neighbours = max(_FEWEST_NEIGHBOURS, int(_NEIGHBOURS * both))
    others = cosines.copy()
    np.fill_diagonal(others, -1)
    nearness = np.partition(others, both - neighbours, axis=1)[:, both - neighbours :].mean(axis=1)
    strangest_first = np.argsort(nearness, kind="stable")
    share = float(labels[:, 0].mean())
    best = np.full(labels.shape[1], -np.inf)
    for tail in _TAILS:
        size = int(np.ceil(tail * both))
        # Hypergeometric.
        deviation = np.sqrt(size * share * (1 - share) * (both - size) / (both - 1))
        found = labels[strangest_first[:size]].sum(axis=0).astype(np.float64)
        best = np.maximum(best, (found - size * share) / deviation)
    return best


def _normalised(values: Array) -> Array:
    """In standard deviations, and as if they were normal: without that the more skewed of two would always win.

    Wilson and Hilferty's cube root (1931), for the gamma distribution with these values' mean, deviation and skewness.
    """
    deviation = values.std()
    if deviation == 0:
        return np.zeros_like(values)
    standard: Array = (values - values.mean()) / deviation
    skewness = float((standard**3).mean())
    if abs(skewness) < _SYMMETRIC:
        return standard
    normal: Array = (6 / skewness) * (np.cbrt(skewness * standard / 2 + 1) - 1) + skewness / 6
    return normal


def _folds(is_current: npt.NDArray[np.bool_]) -> Iterator[npt.NDArray[np.intp]]:
    """Each with its share of both samples."""
    random = np.random.default_rng(_SEED)
    ones, others = random.permutation(np.flatnonzero(is_current)), random.permutation(np.flatnonzero(~is_current))
    for fold in range(_FOLDS):
        yield np.concatenate([ones[fold::_FOLDS], others[fold::_FOLDS]])


def _discriminate(vectors: Array, is_current: npt.NDArray[np.bool_], held_out: Array) -> Array:
    """Scores with deviation 1 in either sample, so that folds compare."""
    current, reference = vectors[is_current], vectors[~is_current]
    covariance = (np.cov(current, rowvar=False) + np.cov(reference, rowvar=False)) / 2
    # As much of a sphere as of the samples: a few hundred questions do not know hundreds of directions.
    covariance += np.eye(len(covariance)) * max(np.trace(covariance) / len(covariance), _NOTHING)
    direction = np.linalg.solve(covariance, current.mean(axis=0) - reference.mean(axis=0))
    middle = (current.mean(axis=0) + reference.mean(axis=0)) / 2
    scores: Array = (held_out - middle) @ direction / max(np.sqrt(direction @ covariance @ direction), _NOTHING)
    return scores


def _delong(positives: Array, negatives: Array) -> tuple[float, float]:
    """AUC and its standard error."""
    above = (positives[:, None] > negatives).astype(np.float64) + 0.5 * (positives[:, None] == negatives)
    variance = above.mean(axis=1).var(ddof=1) / len(positives) + above.mean(axis=0).var(ddof=1) / len(negatives)
    return float(above.mean()), float(np.sqrt(variance))
