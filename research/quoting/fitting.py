"""Logistic regression with a ridge, and the trade-off of the threshold by cross-validation."""

from collections.abc import Sequence
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
_THRESHOLDS = (0.0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Shares of all questions if quotes below a threshold are declined."""

    threshold: float
    right: float
    right_or_partly: float
    wrong_with_confidence: float

    def to_row(self) -> str:
        """Return a row of a Markdown table."""
        return (
            f"| {self.threshold} | {self.right:.2f} | {self.right_or_partly:.2f} | {self.wrong_with_confidence:.2f} |"
        )


def fit(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return the weights of the evidence, for the probability that an answer is right or partly right."""
    known = [outcome for outcome in outcomes if outcome.evidence]
    names = list(known[0].evidence)
    features = np.array([[outcome.evidence[name] for name in names] for outcome in known])
    weights, bias = _regress(features, np.array([float(outcome.is_right_or_partly) for outcome in known]))
    return {name: round(float(weight), 3) for name, weight in zip(names, weights, strict=True)} | {
        "bias": round(bias, 3)
    }


def trade_off(outcomes: Sequence[Outcome]) -> list[Point]:
    """Return the effect of thresholds on questions that the weights were not fitted on."""
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
    return [_point(outcomes, likely, threshold) for threshold in _THRESHOLDS]


def _point(outcomes: Sequence[Outcome], likely: Numbers, threshold: float) -> Point:
    right = partly = wrong = 0
    for outcome, probability in zip(outcomes, likely, strict=True):
        if probability < threshold:
            right += not outcome.is_answerable
        else:
            right += outcome.is_right
            partly += outcome.is_right_or_partly and not outcome.is_right
            wrong += not outcome.is_right_or_partly
    total = len(outcomes)
    return Point(
        threshold=threshold,
        right=right / total,
        right_or_partly=(right + partly) / total,
        wrong_with_confidence=wrong / total,
    )


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
