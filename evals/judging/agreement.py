"""Agreement of two raters beyond chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_SEED = 20
_RESAMPLES = 2000
_PERCENTILES = (2.5, 97.5)

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelComparison:
    """The labels of a judge compared with those of people on the same cases."""

    cases: int
    failures: int
    """Cases without a verdict. They count nowhere else."""
    agreement: float
    kappa: float
    interval: tuple[float, float]
    confusion: Mapping[str, Mapping[str, int]]
    """Counts by human label and judge's label. A case with two human labels counts twice."""


def compare(human: Sequence[Sequence[str]], judged: Sequence[str | None], labels: Sequence[str]) -> LabelComparison:
    """Compare labels. `human` has all human labels of each case; `judged` has one label per case, or None."""
    pairs = [(given, label) for given, label in zip(human, judged, strict=True) if label is not None]
    tables = np.array([_table(given, label, labels) for given, label in pairs]).reshape(-1, len(labels), len(labels))
    total = tables.sum(axis=0)
    return LabelComparison(
        cases=len(pairs),
        failures=len(judged) - len(pairs),
        agreement=float(np.trace(total) / max(total.sum(), 1)),
        kappa=cohens_kappa(total),
        interval=_interval(tables),
        confusion={
            label: dict(zip(labels, map(int, row), strict=True)) for label, row in zip(labels, total, strict=True)
        },
    )


def cohens_kappa(table: Counts) -> float:
    """Return (p_o - p_e) / (1 - p_e), with p_e from each rater's own label frequencies (Cohen, 1960).

    0 is agreement by chance and 1 is full agreement. If both raters use a single label, the result is 0.
    """
    return float(_kappas(table[np.newaxis])[0])


def _table(given: Sequence[str], judged: str, labels: Sequence[str]) -> Counts:
    table = np.zeros((len(labels), len(labels)))
    for label in given:
        table[labels.index(label), labels.index(judged)] += 1
    return table


def _interval(tables: Counts) -> tuple[float, float]:
    """Return the 95 % percentile interval over resampled cases. The labels of one case stay together."""
    cases = len(tables)
    if not cases:
        return 0.0, 0.0
    drawn = np.random.default_rng(_SEED).multinomial(cases, np.full(cases, 1 / cases), size=_RESAMPLES)
    low, high = np.percentile(_kappas(np.tensordot(drawn, tables, axes=1)), _PERCENTILES)
    return float(low), float(high)


def _kappas(tables: Counts) -> Counts:
    shares = tables / np.maximum(tables.sum(axis=(1, 2), keepdims=True), 1)
    observed = np.trace(shares, axis1=1, axis2=2)
    expected = (shares.sum(axis=2) * shares.sum(axis=1)).sum(axis=1)
    room = 1 - expected
    kappas: Counts = np.divide(observed - expected, room, out=np.zeros_like(observed), where=room > 1e-12)
    return kappas
