"""Bootstrap intervals over questions, which distinguish differences from noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_SEED = 20
_RESAMPLES = 2000
_PERCENTILES = (2.5, 97.5)
# Bounds the memory: each resample has a copy of all values.
_RESAMPLES_AT_ONCE = 100

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The mean of paired differences. If its interval excludes zero, the difference is more than noise."""

    mean: float
    interval: Interval

    def __str__(self) -> str:
        return "{:+.4f} ({:+.4f} to {:+.4f})".format(self.mean, *self.interval)

    @property
    def is_real(self) -> bool:
        low, high = self.interval
        return low > 0 or high < 0


def bootstrap(values: Sequence[float]) -> Interval:
    """Return the 95 % percentile interval of the mean (Efron and Tibshirani, 1993), with a fixed seed."""
    if not values:
        return 0.0, 0.0
    low, high = np.percentile(_resampled_means(np.asarray(values, dtype=np.float64)), _PERCENTILES)
    return float(low), float(high)


def compare(new: Sequence[float], old: Sequence[float]) -> Difference:
    """Return the mean of new minus old. Both have the same questions in the same order."""
    differences = [after - before for after, before in zip(new, old, strict=True)]
    return Difference(mean=float(np.mean(differences)) if differences else 0.0, interval=bootstrap(differences))


def compare_means(new: Sequence[float | None], old: Sequence[float | None]) -> Difference | None:
    """Return mean of new minus mean of old, over the same questions in the same order, resampled together.

    A value is None if the measure does not apply, as citation precision to an answer without citations. The result is
    None if the measure applies to no question. If it applies to all, the result equals that of `compare`.
    """
    values = np.array([new, old], dtype=np.float64)
    if np.isnan(values).all(axis=1).any():
        return None
    random = np.random.default_rng(_SEED)
    count = values.shape[1]
    resampled = []
    for _ in range(_RESAMPLES // _RESAMPLES_AT_ONCE):
        drawn = values[:, random.integers(count, size=(_RESAMPLES_AT_ONCE, count))]
        applies = ~np.isnan(drawn)
        # A resample without any applicable value has no mean.
        usable = applies.any(axis=2).all(axis=0)
        means = np.nansum(drawn, axis=2)[:, usable] / applies.sum(axis=2)[:, usable]
        resampled.append(means[0] - means[1])
    low, high = np.percentile(np.concatenate(resampled), _PERCENTILES)
    mean_of_new, mean_of_old = np.nanmean(values, axis=1)
    return Difference(mean=float(mean_of_new - mean_of_old), interval=(float(low), float(high)))


def _resampled_means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    random = np.random.default_rng(_SEED)
    count = len(values)
    return np.concatenate(
        [
            values[random.integers(count, size=(_RESAMPLES_AT_ONCE, count))].mean(axis=1)
            for _ in range(_RESAMPLES // _RESAMPLES_AT_ONCE)
        ]
    )
