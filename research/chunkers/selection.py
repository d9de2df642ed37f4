"""Which configuration is best, judged on questions that it was not chosen on."""

from collections.abc import Sequence
from dataclasses import dataclass

from evals.statistics import Interval, bootstrap
from research.chunkers.measurement import ChunkingResult

LEAST_PRECISION = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidation:
    """Leave-one-out selection: each corpus is measured with the configuration chosen on the four others."""

    chosen: dict[str, str]
    """Corpus to the configuration chosen without it."""
    recall: float
    recall_interval: Interval
    precision: float
    precision_interval: Interval


def choose(results: Sequence[ChunkingResult], corpora: Sequence[str]) -> ChunkingResult:
    """The highest recall on these corpora among those of at least 6 % precision there."""
    precise = [result for result in results if result.mean("precision", corpora) >= LEAST_PRECISION]
    return max(precise or results, key=lambda result: result.mean("recall", corpora))


def best_of_each(results: Sequence[ChunkingResult]) -> list[ChunkingResult]:
    """Each chunker's choice over all corpora, with hybrid search."""
    hybrid = [result for result in results if result.mode == "hybrid"]
    corpora = sorted(set(results[0].corpora))
    names = dict.fromkeys(result.chunker for result in hybrid)
    return [choose([result for result in hybrid if result.chunker == name], corpora) for name in names]


def leave_one_out(results: Sequence[ChunkingResult]) -> CrossValidation:
    """Over all questions of all corpora, each measured by the choice that was made without its corpus."""
    corpora = sorted(set(results[0].corpora))
    chosen = {left: choose(results, [name for name in corpora if name != left]) for left in corpora}
    recall = [value for left, result in chosen.items() for value in result.values("recall", [left])]
    precision = [value for left, result in chosen.items() for value in result.values("precision", [left])]
    return CrossValidation(
        chosen={left: result.name for left, result in chosen.items()},
        recall=sum(recall) / len(recall),
        recall_interval=bootstrap(recall),
        precision=sum(precision) / len(precision),
        precision_interval=bootstrap(precision),
    )
