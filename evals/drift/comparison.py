"""Compares two samples of questions and selects the questions that changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evals.drift.samples import Sample
from evals.drift.two_sample_test import PERMUTATIONS, Separation, Shift, measure_shift, separate
from rag.errors import InvalidInput
from service.drift.base import OF_THE_ANSWER, OF_THE_VECTOR, Feature
from service.drift.bins import Bins, psi
from service.drift.reference import MIN_QUESTIONS, Reference, build_reference, nearest_among

FALSE_ALARMS = 0.01
"""The probability of a false alarm on a day without a change (ADR 0028)."""
LOOKS = 5
"""Tests per day."""
# With more tests, the threshold would be below the smallest p-value that the permutations can give.
_MAX_LOOKS = round(FALSE_ALARMS * (PERMUTATIONS + 1))
# A question is unusual if it is beyond this quantile of the reference's own questions.
_UNUSUAL_QUANTILE = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureShift:
    """The change of one feature's distribution."""

    feature: str
    psi: float
    by_chance: float
    """The PSI to expect without a change."""

    def to_row(self) -> str:
        return f"| {self.feature} | {self.psi:.3f} | {self.by_chance:.3f} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftComparison:
    """The result of a comparison."""

    shift: Shift
    separation: Separation
    features: Sequence[FeatureShift]
    threshold: float
    """The largest p-value that counts as drift."""
    moved: npt.NDArray[np.intp]
    """Indices of the current questions that are unlike the reference, least similar first."""
    moved_by_chance: float
    """The number of unusual questions to expect without a change."""

    @property
    def drifted(self) -> bool:
        return self.shift.p_value <= self.threshold

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON. `psi` is the largest of all features. `mmd` is unbiased, so it may be below 0."""
        return {
            "drifted": self.drifted,
            "auc": self.separation.auc,
            "auc_interval": list(self.separation.interval),
            "mmd": self.shift.mmd,
            "p_value": self.shift.p_value,
            "psi": max(feature.psi for feature in self.features),
        }


def compare_samples(reference: Sample, current: Sample, *, looks: int = LOOKS) -> DriftComparison:
    """Compare two samples. `looks` is the number of tests per day; more tests lower the threshold of each.

    Raise `InvalidInput` for too few questions or an impossible number of tests.
    """
    if not 1 <= looks <= _MAX_LOOKS:
        raise InvalidInput(
            f"--looks {looks} is not possible. Use 1 to {_MAX_LOOKS}: the smallest possible p-value is 1/10,000."
        )
    for sample in (reference, current):
        if len(sample.observations) < MIN_QUESTIONS:
            raise InvalidInput(f"{len(sample.observations)} questions are too few: {MIN_QUESTIONS} on either side.")
    separation = separate(reference.vectors, current.vectors)
    moved = _find_moved(reference, current, separation)
    return DriftComparison(
        shift=measure_shift(reference.vectors, current.vectors),
        separation=separation,
        features=_measure_features(reference, current),
        threshold=FALSE_ALARMS / looks,
        moved=moved,
        moved_by_chance=(1 - _UNUSUAL_QUANTILE) * 2 * len(current.observations),
    )


def _find_moved(reference: Sample, current: Sample, separation: Separation) -> npt.NDArray[np.intp]:
    """Return the questions that are farther from the reference, or more typical of the current sample, than usual."""
    usual_nearness = nearest_among(reference.vectors, reference.vectors, same=True)
    nearness = nearest_among(current.vectors, reference.vectors, same=False)
    of_reference = separation.scores[: len(usual_nearness)]
    scores = separation.scores[len(usual_nearness) :]
    unusual = (nearness < np.quantile(usual_nearness, 1 - _UNUSUAL_QUANTILE)) | (
        scores > np.quantile(of_reference, _UNUSUAL_QUANTILE)
    )
    chosen = np.flatnonzero(unusual)
    return chosen[np.argsort(nearness[chosen], kind="stable")]


def _measure_features(reference: Sample, current: Sample) -> list[FeatureShift]:
    baseline = reference.reference or build_reference(reference.observations, reference.embedder)
    values = _values(baseline, current)
    shifts = []
    for feature, sample in values.items():
        bins = baseline.bins[feature]
        by_chance = psi_by_chance(bins, len(sample))
        shifts.append(FeatureShift(feature=feature, psi=psi(bins.shares(sample), bins.ratios), by_chance=by_chance))
    return shifts


def psi_by_chance(bins: Bins, count: int) -> float:
    """Return the mean PSI of `count` values without a change: (bins - 1) (n + m) / (n m)."""
    return (len(bins.ratios) - 1) * (count + bins.count) / (count * bins.count)


def _values(baseline: Reference, current: Sample) -> Mapping[Feature, Sequence[float]]:
    of_vectors = zip(*(baseline.of_vector(observation.vector) for observation in current.observations), strict=True)
    values: dict[Feature, Sequence[float]] = dict(zip(OF_THE_VECTOR, of_vectors, strict=True))
    for feature in OF_THE_ANSWER:
        observed = [each.values[feature] for each in current.observations if feature in each.values]
        if feature in baseline.bins and observed:
            values[feature] = observed
    return values
