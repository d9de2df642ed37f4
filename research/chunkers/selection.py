"""Selects the best configuration, and evaluates the selection on questions that it did not use."""

from collections.abc import Sequence
from dataclasses import dataclass

from evals.statistics import Interval, bootstrap
from research.chunkers.measurement import ChunkingResult

MIN_PRECISION = 0.06
"""The precision that a configuration must reach to be selected (ADR 0022)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidation:
    """Leave-one-out selection: each corpus is measured with the configuration chosen on the four others."""

    chosen: dict[str, str]
    """The chosen configuration by the corpus that was left out."""
    recall: float
    recall_interval: Interval
    precision: float
    precision_interval: Interval


def choose(results: Sequence[ChunkingResult], corpora: Sequence[str]) -> ChunkingResult:
    """Return the result with the highest recall on these corpora, among those with sufficient precision there."""
    precise = [result for result in results if result.mean("precision", corpora) >= MIN_PRECISION]
    return max(precise or results, key=lambda result: result.mean("recall", corpora))


def best_of_each(results: Sequence[ChunkingResult]) -> list[ChunkingResult]:
    """Return each chunker's best configuration over all corpora, with hybrid search."""
    hybrid = [result for result in results if result.mode == "hybrid"]
    corpora = sorted(set(results[0].corpora))
    names = dict.fromkeys(result.chunker for result in hybrid)
    return [choose([result for result in hybrid if result.chunker == name], corpora) for name in names]


def leave_one_out(results: Sequence[ChunkingResult]) -> CrossValidation:
    """Measure each corpus with the configuration that was chosen without it."""
    corpora = sorted(set(results[0].corpora))
    chosen = {held_out: choose(results, [name for name in corpora if name != held_out]) for held_out in corpora}
    recall = [value for held_out, result in chosen.items() for value in result.values("recall", [held_out])]
    precision = [value for held_out, result in chosen.items() for value in result.values("precision", [held_out])]
    return CrossValidation(
        chosen={held_out: result.name for held_out, result in chosen.items()},
        recall=sum(recall) / len(recall),
        recall_interval=bootstrap(recall),
        precision=sum(precision) / len(precision),
        precision_interval=bootstrap(precision),
    )
