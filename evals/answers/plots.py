"""Runs as pictures: what refusing costs, and quality against time."""

from collections.abc import Sequence
from pathlib import Path

from evals.answers.refusals import Tradeoff
from evals.answers.results import AnswerRun
from evals.plots import open_figure

# Of these, the first that a run has is its quality.
_QUALITY = ("containment", "citation_recall", "f1")


def draw_tradeoff(tradeoff: Tradeoff, path: Path, *, title: str) -> None:
    """Share of unanswerable questions refused against share of answerable ones refused, over all thresholds."""
    wrongly, rightly = sorted(tradeoff.answerable.values()), sorted(tradeoff.unanswerable.values())
    thresholds = sorted({*wrongly, *rightly})
    with open_figure(path) as axes:
        axes.plot([_below(wrongly, at) for at in thresholds], [_below(rightly, at) for at in thresholds], color="C0")
        configured = tradeoff.points[0]
        axes.plot(configured.wrongly_refused.value, configured.recall.value, "o", color="C1")
        axes.annotate(
            f"as configured: {configured.threshold:.2f}",
            (configured.wrongly_refused.value, configured.recall.value),
            xytext=(8, -4),
            textcoords="offset points",
        )
        axes.set(
            xlabel="answerable questions refused",
            ylabel="unanswerable questions refused",
            title=title,
            xlim=(-0.02, 1.02),
            ylim=(-0.02, 1.02),
        )


def draw_quality_against_time(runs: Sequence[AnswerRun], path: Path, *, title: str) -> None:
    """Each run at the median time to its first text, with the interval of its quality."""
    measure = next(name for name in _QUALITY if all(name in run.measures for run in runs))
    with open_figure(path) as axes:
        for run in runs:
            estimate = run.estimate(measure)
            times = sorted(run.values("first_text_seconds").values())
            if estimate is None or not times:
                continue
            low, high = estimate.interval
            errors = [[max(0.0, estimate.value - low)], [max(0.0, high - estimate.value)]]
            axes.errorbar(times[len(times) // 2], estimate.value, yerr=errors, fmt="o", capsize=4, label=run.name)
        axes.set(xlabel="seconds to first text, median", ylabel=measure.replace("_", " "), title=title, xscale="log")
        axes.set_ylim(0, 1.02)
        axes.legend()


def _below(ordered: Sequence[float], threshold: float) -> float:
    return sum(near < threshold for near in ordered) / len(ordered)
