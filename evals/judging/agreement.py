"""How far two readers agree beyond chance."""

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
    """A judge beside people on the same cases."""

    cases: int
    failures: int
    """Cases without a verdict, which count in nothing else."""
    agreement: float
    kappa: float
    interval: tuple[float, float]
    confusion: Mapping[str, Mapping[str, int]]
    """Human label to the judge's label to labels given; a case that two people read counts twice."""


def compare(human: Sequence[Sequence[str]], judged: Sequence[str | None], labels: Sequence[str]) -> LabelComparison:
    """`human` has the labels of everybody who read a case; `judged` has one label a case, None without a verdict."""
    read = [(given, said) for given, said in zip(human, judged, strict=True) if said is not None]
    tables = np.array([_table(given, said, labels) for given, said in read]).reshape(-1, len(labels), len(labels))
    total = tables.sum(axis=0)
    return LabelComparison(
        cases=len(read),
        failures=len(judged) - len(read),
        agreement=float(np.trace(total) / max(total.sum(), 1)),
        kappa=cohens_kappa(total),
        interval=_interval(tables),
        confusion={
            label: dict(zip(labels, map(int, row), strict=True)) for label, row in zip(labels, total, strict=True)
        },
    )


def cohens_kappa(table: Counts) -> float:
    """(p_o - p_e) / (1 - p_e), with p_e from the readers' own shares of each label (Cohen, 1960).

    0 is what chance gives, 1 is full agreement. Two readers who both use one label only show nothing: 0.
    """
    return float(_kappas(table[np.newaxis])[0])


def _table(given: Sequence[str], said: str, labels: Sequence[str]) -> Counts:
    table = np.zeros((len(labels), len(labels)))
    for label in given:
        table[labels.index(label), labels.index(said)] += 1
    return table


def _interval(tables: Counts) -> tuple[float, float]:
    """The 95 % percentile interval over resampled cases; the labels of one case stay together."""
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
