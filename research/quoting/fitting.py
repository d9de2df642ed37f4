"""Logistic regression with a ridge, and the trade-off of the two thresholds by cross-validation."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from research.quoting.gathering import Outcome

Numbers = npt.NDArray[np.float64]

# Keeps weights of a hundred questions small, on features with a standard deviation of 1.
_RIDGE = 3.0
_STEPS = 30
_FOLDS = 10
_SEED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Probabilities below which quotes are declined, and below which they are unsure."""

    min_confidence: float
    sure_confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Shares with these thresholds, of all questions unless a field says otherwise."""

    right: float
    right_or_partly: float
    wrong_with_confidence: float
    unsure: float
    declined: float
    refusal_precision: float
    """Share of the declined questions that have no answer. NaN if none is declined."""
    refusal_recall: float
    """Share of the questions without an answer that are declined. NaN if all have one."""


def fit(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return the weights of the evidence, for the probability that an answer is right or partly right."""
    known = [outcome for outcome in outcomes if outcome.evidence]
    names = list(known[0].evidence)
    features = np.array([[outcome.evidence[name] for name in names] for outcome in known])
    weights, bias = _regress(features, np.array([float(outcome.is_right_or_partly) for outcome in known]))
    return {name: round(float(weight), 3) for name, weight in zip(names, weights, strict=True)} | {
        "bias": round(bias, 3)
    }


def predict(outcomes: Sequence[Outcome]) -> Numbers:
    """Return the probability of each quote by weights that were not fitted on it, or -1 without a quote."""
    known = [index for index, outcome in enumerate(outcomes) if outcome.evidence]
    names = list(outcomes[known[0]].evidence)
    features = np.array([[outcomes[index].evidence[name] for name in names] for index in known])
    labels = np.array([float(outcomes[index].is_right_or_partly) for index in known])
    folds = np.random.default_rng(_SEED).permutation(len(known)) % _FOLDS
    likely = np.full(len(outcomes), -1.0)
    for fold in range(_FOLDS):
        weights, bias = _regress(features[folds != fold], labels[folds != fold])
        held_out = np.flatnonzero(folds == fold)
        likely[[known[index] for index in held_out]] = _sigmoid(features[held_out] @ weights + bias)
    return likely


def weigh(outcomes: Sequence[Outcome], likely: Numbers, thresholds: Thresholds) -> Point:
    """Return the effect of two thresholds."""
    is_declined = likely < thresholds.min_confidence
    is_unsure = ~is_declined & (likely < thresholds.sure_confidence)
    is_sure = ~is_declined & ~is_unsure
    unanswerable = ~_flags(outcome.is_answerable for outcome in outcomes)
    is_right = np.where(
        is_unsure,
        _flags(outcome.is_right_if_unsure for outcome in outcomes),
        _flags(outcome.is_right for outcome in outcomes),
    )
    is_touched = _flags(outcome.is_right_or_partly for outcome in outcomes)
    rightly_declined = is_declined & unanswerable
    return Point(
        right=float(np.mean(np.where(is_declined, unanswerable, is_right))),
        right_or_partly=float(np.mean(np.where(is_declined, unanswerable, is_touched))),
        wrong_with_confidence=float(np.mean(is_sure & ~is_touched)),
        unsure=float(is_unsure.mean()),
        declined=float(is_declined.mean()),
        refusal_precision=_share(rightly_declined, is_declined),
        refusal_recall=_share(rightly_declined, unanswerable),
    )


def _share(part: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_]) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else math.nan


def _flags(values: Iterable[bool]) -> npt.NDArray[np.bool_]:
    return np.fromiter(values, dtype=np.bool_)


def _regress(features: Numbers, labels: Numbers) -> tuple[Numbers, float]:
    """Return weights and bias by Newton's method. The bias has no ridge."""
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-9
    design = np.column_stack([(features - mean) / deviation, np.ones(len(features))])
    ridge = np.diag([_RIDGE] * features.shape[1] + [0.0])
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        predicted = _sigmoid(design @ weights)
        gradient = design.T @ (predicted - labels) + ridge @ weights
        curvature = (design * (predicted * (1 - predicted))[:, None]).T @ design + ridge
        weights -= np.linalg.solve(curvature, gradient)
    scaled = weights[:-1] / deviation
    return scaled, float(weights[-1] - scaled @ mean)


def _sigmoid(values: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-values)), dtype=np.float64)
