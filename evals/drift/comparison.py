"""Two samples of questions: have they changed, and which ones have."""

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
"""Of a day on which nothing changed."""
LOOKS = 5
"""Times a day that somebody asks."""
_MOST_LOOKS = round(FALSE_ALARMS * (PERMUTATIONS + 1))
_UNUSUAL = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureShift:
    """One feature's distribution against the reference's."""

    feature: str
    psi: float
    by_chance: float
    """What is to be expected where nothing has changed."""

    def to_row(self) -> str:
        return f"| {self.feature} | {self.psi:.3f} | {self.by_chance:.3f} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftComparison:
    """Everything that is known of the change."""

    shift: Shift
    separation: Separation
    features: Sequence[FeatureShift]
    threshold: float
    """Of the p-value."""
    moved: npt.NDArray[np.intp]
    """Of the current questions those that the reference has hardly any of, strangest first."""
    moved_by_chance: float
    """How many there are to be expected where nothing has changed."""

    @property
    def drifted(self) -> bool:
        return self.shift.p_value <= self.threshold

    def to_json(self) -> dict[str, Any]:
        """`psi` is the largest of the features'; `mmd` is squared and unbiased, so it may be a little below 0."""
        return {
            "drifted": self.drifted,
            "auc": self.separation.auc,
            "auc_interval": list(self.separation.interval),
            "mmd": self.shift.mmd,
            "p_value": self.shift.p_value,
            "psi": max(it.psi for it in self.features),
        }


def compare_samples(reference: Sample, current: Sample, *, looks: int = LOOKS) -> DriftComparison:
    """With more looks a day each must be surer, so that one day's false alarms stay 1 %. Raises `InvalidInput`."""
    if not 1 <= looks <= _MOST_LOOKS:
        raise InvalidInput(f"{looks} looks a day: there may be 1 to {_MOST_LOOKS}, as p is never below 1 in 10,000.")
    for sample in (reference, current):
        if len(sample.observations) < MIN_QUESTIONS:
            raise InvalidInput(f"{len(sample.observations)} questions are too few: {MIN_QUESTIONS} on either side.")
    separation = separate(reference.vectors, current.vectors)
    moved = _moved(reference, current, separation)
    return DriftComparison(
        shift=measure_shift(reference.vectors, current.vectors),
        separation=separation,
        features=_features(reference, current),
        threshold=FALSE_ALARMS / looks,
        moved=moved,
        moved_by_chance=(1 - _UNUSUAL) * 2 * len(current.observations),
    )


def _moved(reference: Sample, current: Sample, separation: Separation) -> npt.NDArray[np.intp]:
    """Farther from the reference, or more like the others of now, than 98 % of the reference's own questions."""
    usual = nearest_among(reference.vectors, reference.vectors, same=True)
    nearness = nearest_among(current.vectors, reference.vectors, same=False)
    of_reference = separation.scores[: len(usual)]
    scores = separation.scores[len(usual) :]
    unusual = (nearness < np.quantile(usual, 1 - _UNUSUAL)) | (scores > np.quantile(of_reference, _UNUSUAL))
    chosen = np.flatnonzero(unusual)
    return chosen[np.argsort(nearness[chosen], kind="stable")]


def _features(reference: Sample, current: Sample) -> list[FeatureShift]:
    kept = reference.reference or build_reference(reference.observations, reference.embedder)
    values = _values(kept, current)
    shifts = []
    for feature, found in values.items():
        bins = kept.bins[feature]
        by_chance = psi_by_chance(bins, len(found))
        shifts.append(FeatureShift(feature=feature, psi=psi(bins.shares(found), bins.ratios), by_chance=by_chance))
    return shifts


def psi_by_chance(bins: Bins, count: int) -> float:
    """The mean PSI of so many values where nothing has changed: (bins - 1) (n + m) / (n m)."""
    return (len(bins.ratios) - 1) * (count + bins.count) / (count * bins.count)


def _values(kept: Reference, current: Sample) -> Mapping[Feature, Sequence[float]]:
    of_vectors = zip(*(kept.of_vector(it.vector) for it in current.observations), strict=True)
    values: dict[Feature, Sequence[float]] = dict(zip(OF_THE_VECTOR, of_vectors, strict=True))
    for feature in OF_THE_ANSWER:
        found = [it.values[feature] for it in current.observations if feature in it.values]
        if feature in kept.bins and found:
            values[feature] = found
    return values
