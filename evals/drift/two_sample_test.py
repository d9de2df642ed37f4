"""A permutation test of whether two samples of vectors have the same distribution (ADR 0028).

It combines two statistics. MMD detects a shift of the whole sample. The outlier statistic detects a few unusual items,
which a mean over all pairs hardly shows. Each is standardised by its own permutations, and the larger one counts. Both
are computed on the pooled samples, so the permutations are exact for samples of any size.
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
# Shares of the pooled samples that count as outliers. The share with the strongest result is used.
_TAILS = (0.02, 0.05, 0.1, 0.2, 0.35)
# An outlier is far from its nearest 5 % of the pooled samples. With fewer, outliers would be near each other.
_NEIGHBOURS = 0.05
_MIN_NEIGHBOURS = 5
# Below this skewness the correction is negligible and numerically unstable.
_MIN_SKEWNESS = 1e-3
# The squared distance of a text from itself is not 0: float16 and batches round differently.
_SAME = 1e-4
_FOLDS = 5
# Prevents a division by zero if all questions are identical.
_EPSILON = 1e-12
_NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """The result of the test."""

    mmd: float
    """The unbiased MMD² of Gretton et al. (2012) with a Gaussian kernel of median width. Without a shift it is about 0,
    and half of the time negative."""
    outliers: float
    """Excess of the current sample among the outliers, in standard deviations."""
    score: float
    """The larger of the two statistics, in standard deviations of its permutations."""
    p_value: float
    """One-sided: (1 + permutations with at least this score) / (1 + permutations)."""


def measure_shift(reference: Vectors, current: Vectors, *, permutations: int = PERMUTATIONS) -> Shift:
    """Test two samples of unit vectors, each of shape (items, dimension). The result is deterministic."""
    labels = _labels(len(reference), len(current), permutations)
    vectors = np.concatenate([reference, current])
    cosines = vectors @ vectors.T
    mmd, outliers = _mmds(cosines, labels), _outliers(cosines, labels)
    score = np.maximum(_normalised(mmd), _normalised(outliers))
    # Equal scores may differ in their last bits.
    as_large = int(np.sum(score[1:] >= score[0] - 1e-9))
    return Shift(
        mmd=float(mmd[0]),
        outliers=float(outliers[0]),
        score=float(score[0]),
        p_value=(1 + as_large) / (1 + permutations),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """How well a classifier separates the two samples, measured on held-out items."""

    auc: float
    """0.5 means no separation."""
    interval: Interval
    """95 % interval of DeLong et al. (1988), widened because folds share training data (Nadeau and Bengio, 2003)."""
    scores: Array
    """The score of each item, the reference first. A high score is typical of the current sample."""


def separate(reference: Vectors, current: Vectors) -> Separation:
    """Cross-validate Fisher's discriminant with a shrunk covariance in five folds."""
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
    """Return 1 for current items, shape (items, 1 + permutations). The first column is real, the others are random."""
    both = references + currents
    labels = np.zeros((both, 1 + permutations), dtype=np.float32)
    labels[references:, 0] = 1
    random = np.random.default_rng(_SEED)
    for column in range(1, 1 + permutations):
        labels[random.permutation(both)[:currents], column] = 1
    return labels


def _mmds(cosines: Vectors, labels: npt.NDArray[np.float32]) -> Array:
    """Return MMD² for each column of labels."""
    distances = np.maximum(2 - 2 * cosines, 0)
    # Identical pairs are left out: if one question dominates both samples, the median would be 0.
    apart = distances[distances > _SAME]
    kernel = np.exp(-distances / np.median(apart)) if apart.size else np.ones_like(distances)
    np.fill_diagonal(kernel, 0)
    current = float(labels[:, 0].sum())
    reference = len(labels) - current
    within_current = np.einsum("ij,ij->j", labels, kernel @ labels).astype(np.float64)
    from_current = (kernel.sum(axis=1) @ labels).astype(np.float64)
    across = from_current - within_current
    within_reference = kernel.sum(dtype=np.float64) - 2 * across - within_current
    mmd: Array = (
        within_reference / (reference * (reference - 1))
        + within_current / (current * (current - 1))
        - 2 * across / (reference * current)
    )
    return mmd


def _outliers(cosines: Vectors, labels: npt.NDArray[np.float32]) -> Array:
    """Return for each column of labels the excess of current items among the outliers, in standard deviations."""
    both = len(labels)
    neighbours = max(_MIN_NEIGHBOURS, int(_NEIGHBOURS * both))
    others = cosines.copy()
    np.fill_diagonal(others, -1)
    nearness = np.partition(others, both - neighbours, axis=1)[:, both - neighbours :].mean(axis=1)
    outliers_first = np.argsort(nearness, kind="stable")
    share = float(labels[:, 0].mean())
    best = np.full(labels.shape[1], -np.inf)
    for tail in _TAILS:
        size = int(np.ceil(tail * both))
        # The standard deviation of the hypergeometric distribution.
        deviation = np.sqrt(size * share * (1 - share) * (both - size) / (both - 1))
        observed = labels[outliers_first[:size]].sum(axis=0).astype(np.float64)
        best = np.maximum(best, (observed - size * share) / deviation)
    return best


def _normalised(values: Array) -> Array:
    """Transform values to approximately standard normal ones. Otherwise the more skewed statistic would always win.

    This is the cube root of Wilson and Hilferty (1931) for a gamma distribution with the same first three moments.
    """
    deviation = values.std()
    if deviation == 0:
        return np.zeros_like(values)
    standard: Array = (values - values.mean()) / deviation
    skewness = float((standard**3).mean())
    if abs(skewness) < _MIN_SKEWNESS:
        return standard
    normal: Array = (6 / skewness) * (np.cbrt(skewness * standard / 2 + 1) - 1) + skewness / 6
    return normal


def _folds(is_current: npt.NDArray[np.bool_]) -> Iterator[npt.NDArray[np.intp]]:
    """Yield the indices of each fold, stratified by sample."""
    random = np.random.default_rng(_SEED)
    ones, others = random.permutation(np.flatnonzero(is_current)), random.permutation(np.flatnonzero(~is_current))
    for fold in range(_FOLDS):
        yield np.concatenate([ones[fold::_FOLDS], others[fold::_FOLDS]])


def _discriminate(vectors: Array, is_current: npt.NDArray[np.bool_], held_out: Array) -> Array:
    """Return scores of the held-out items, scaled to unit deviation so that folds are comparable."""
    current, reference = vectors[is_current], vectors[~is_current]
    covariance = (np.cov(current, rowvar=False) + np.cov(reference, rowvar=False)) / 2
    # Shrink half-way to a sphere: a few hundred items do not determine a covariance of hundreds of dimensions.
    covariance += np.eye(len(covariance)) * max(np.trace(covariance) / len(covariance), _EPSILON)
    direction = np.linalg.solve(covariance, current.mean(axis=0) - reference.mean(axis=0))
    middle = (current.mean(axis=0) + reference.mean(axis=0)) / 2
    scores: Array = (held_out - middle) @ direction / max(np.sqrt(direction @ covariance @ direction), _EPSILON)
    return scores


def _delong(positives: Array, negatives: Array) -> tuple[float, float]:
    """Return the AUC and its standard error."""
    above = (positives[:, None] > negatives).astype(np.float64) + 0.5 * (positives[:, None] == negatives)
    variance = above.mean(axis=1).var(ddof=1) / len(positives) + above.mean(axis=0).var(ddof=1) / len(negatives)
    return float(above.mean()), float(np.sqrt(variance))
