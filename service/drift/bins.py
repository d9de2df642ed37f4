"""A feature's values in the bins of its reference, and how far two distributions over them are apart."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_DECILES = np.arange(0.1, 1.0, 0.1)
# The same question asked twice differs: the reference keeps halves of floats, and batches round otherwise.
_SAME = 1e-3
# Of a bin that one side lacks. Smaller and a single empty bin would decide; PromQL uses the same (docs/guides/drift.md).
FLOOR = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """The deciles of the reference, as far as its values differ."""

    edges: Sequence[float]
    """Ascending; a value belongs to the first bin whose edge is not below it, or to the last one, which has none."""
    ratios: Sequence[float]
    """Share of the reference in each bin."""
    count: int
    """Values of the reference."""

    def index(self, value: float) -> int:
        return bisect_left(self.edges, value)

    def shares(self, values: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Share of these values in each bin."""
        found = np.searchsorted(self.edges, values, side="left")
        return np.bincount(found, minlength=len(self.ratios)) / max(len(values), 1)


def cut_bins(values: Sequence[float] | npt.NDArray[np.float64]) -> Bins:
    """At least two bins, so that something new shows even where the reference is all the same, or nearly."""
    found = np.sort(np.asarray(values, dtype=np.float64))
    top = found[-1]
    inner = [decile for decile in np.quantile(found, _DECILES) if decile < top - _SAME]
    edges = np.unique([_beyond(decile, found) for decile in inner])
    if not edges.size:
        others = found[found < top - _SAME]
        edges = np.array([_beyond(others[-1], found)] if others.size else [top - _SAME, top + _SAME])
    indices = np.searchsorted(edges, found, side="left")
    ratios = np.bincount(indices, minlength=len(edges) + 1) / len(found)
    return Bins(edges=edges.tolist(), ratios=ratios.tolist(), count=len(found))


def _beyond(value: float, ascending: npt.NDArray[np.float64]) -> float:
    """Midway to the next value that is another one: an edge at a value that comes often would part equals by chance."""
    others = ascending[np.searchsorted(ascending, value + _SAME, side="right") :]
    below = ascending[np.searchsorted(ascending, others[0], side="left") - 1]
    return float(below + others[0]) / 2


def psi(actual: Sequence[float] | npt.NDArray[np.float64], expected: Sequence[float]) -> float:
    """Population stability index: the sum over bins of (a - e) ln(a / e); 0.1 is little, 0.25 is much.

    Times n m / (n + m), for n values against m, it is nearly chi-squared with bins - 1 degrees where nothing changed.
    """
    a, e = np.maximum(actual, FLOOR), np.maximum(expected, FLOOR)
    return float(np.sum((a - e) * np.log(a / e)))
