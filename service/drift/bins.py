"""Binning of a feature by the deciles of its reference, and the distance of two binned distributions."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_DECILES = np.arange(0.1, 1.0, 0.1)
# The same question gives slightly different values, because the reference stores half-precision floats
# and the embedder's rounding depends on the batch.
_TOLERANCE = 1e-3
# Smallest share of a bin in PSI. With a lower floor one empty bin would dominate the sum.
# The PromQL queries use the same value.
FLOOR = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Bins at the deciles of the reference. Deciles with the same value form one bin."""

    edges: Sequence[float]
    """Upper edges, ascending and inclusive. The last bin has no upper edge."""
    ratios: Sequence[float]
    """Share of the reference in each bin."""
    count: int
    """Number of values in the reference."""

    def index(self, value: float) -> int:
        return bisect_left(self.edges, value)

    def shares(self, values: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the share of these values in each bin."""
        indices = np.searchsorted(self.edges, values, side="left")
        return np.bincount(indices, minlength=len(self.ratios)) / max(len(values), 1)


def cut_bins(values: Sequence[float] | npt.NDArray[np.float64]) -> Bins:
    """Return at least two bins, so that a new value is visible even if all reference values are equal."""
    ascending = np.sort(np.asarray(values, dtype=np.float64))
    top = ascending[-1]
    inner = [decile for decile in np.quantile(ascending, _DECILES) if decile < top - _TOLERANCE]
    edges = np.unique([_edge_above(decile, ascending) for decile in inner])
    if not edges.size:
        others = ascending[ascending < top - _TOLERANCE]
        edges = np.array([_edge_above(others[-1], ascending)] if others.size else [top - _TOLERANCE, top + _TOLERANCE])
    indices = np.searchsorted(edges, ascending, side="left")
    ratios = np.bincount(indices, minlength=len(edges) + 1) / len(ascending)
    return Bins(edges=edges.tolist(), ratios=ratios.tolist(), count=len(ascending))


def _edge_above(value: float, ascending: npt.NDArray[np.float64]) -> float:
    """Return an edge midway to the next distinct value. An edge on a value would split it by rounding errors."""
    others = ascending[np.searchsorted(ascending, value + _TOLERANCE, side="right") :]
    below = ascending[np.searchsorted(ascending, others[0], side="left") - 1]
    return float(below + others[0]) / 2


def psi(actual: Sequence[float] | npt.NDArray[np.float64], expected: Sequence[float]) -> float:
    """Return the population stability index: the sum over bins of (a - e) ln(a / e).

    By convention 0.1 is a small change and 0.25 a large one.
    Without a change, PSI times n m / (n + m) for samples of n and m values is nearly chi-squared with bins - 1 degrees.
    """
    a, e = np.maximum(actual, FLOOR), np.maximum(expected, FLOOR)
    return float(np.sum((a - e) * np.log(a / e)))
