"""Intervals, so that a difference is told from noise: bootstrap over questions, 95 %."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_SEED = 20
_RESAMPLES = 2000
_PERCENTILES = (2.5, 97.5)
# Bounds what stands in memory at once.
_RESAMPLES_AT_ONCE = 100

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The mean of paired differences; where the interval leaves out zero, more than noise was measured."""

    mean: float
    interval: Interval

    @property
    def is_real(self) -> bool:
        low, high = self.interval
        return low > 0 or high < 0


def bootstrap(values: Sequence[float]) -> Interval:
    """The 95 % percentile interval of the mean (Efron and Tibshirani, 1993); the same values give the same interval."""
    if not values:
        return 0.0, 0.0
    low, high = np.percentile(_resampled_means(np.asarray(values, dtype=np.float64)), _PERCENTILES)
    return float(low), float(high)


def compare(new: Sequence[float], old: Sequence[float]) -> Difference:
    """New minus old, question by question: the same questions in the same order."""
    differences = [after - before for after, before in zip(new, old, strict=True)]
    return Difference(mean=float(np.mean(differences)) if differences else 0.0, interval=bootstrap(differences))


def _resampled_means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    random = np.random.default_rng(_SEED)
    count = len(values)
    return np.concatenate(
        [
            values[random.integers(count, size=(_RESAMPLES_AT_ONCE, count))].mean(axis=1)
            for _ in range(_RESAMPLES // _RESAMPLES_AT_ONCE)
        ]
    )
