"""Plots of answer runs: the cost of declining, and quality against time."""

from collections.abc import Sequence
from pathlib import Path

from evals.answers.declining import Tradeoff
from evals.answers.results import AnswerRun
from evals.plots import open_figure

# The first of these that all runs have is plotted as their quality.
_QUALITY = ("containment", "citation_recall", "f1")


def plot_tradeoff(tradeoff: Tradeoff, path: Path, *, title: str) -> None:
    """Plot the declined share of unanswerable questions against that of answerable ones, over all thresholds."""
    answerable, unanswerable = sorted(tradeoff.answerable.values()), sorted(tradeoff.unanswerable.values())
    thresholds = sorted({*answerable, *unanswerable})
    with open_figure(path) as axes:
        axes.plot(
            [_share_below(answerable, threshold) for threshold in thresholds],
            [_share_below(unanswerable, threshold) for threshold in thresholds],
            color="C0",
        )
        configured = tradeoff.points[0]
        axes.plot(configured.wrongly_declined.value, configured.recall.value, "o", color="C1")
        axes.annotate(
            f"configured: {configured.threshold:.2f}",
            (configured.wrongly_declined.value, configured.recall.value),
            xytext=(8, -4),
            textcoords="offset points",
        )
        axes.set(
            xlabel="answerable questions declined",
            ylabel="unanswerable questions declined",
            title=title,
            xlim=(-0.02, 1.02),
            ylim=(-0.02, 1.02),
        )


def plot_quality_against_time(runs: Sequence[AnswerRun], path: Path, *, title: str) -> None:
    """Plot the quality of each run, with its interval, at the median time to first text."""
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


def _share_below(ordered: Sequence[float], threshold: float) -> float:
    return sum(value < threshold for value in ordered) / len(ordered)
