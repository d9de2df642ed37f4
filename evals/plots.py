"""Runs as pictures: what refusing costs, and quality against time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evals.refusing import Tradeoff
from evals.results import Run
from rag.errors import Misconfigured

# Of these, the first that a run has is its quality.
_QUALITY = ("containment", "citation_recall", "f1")


def draw_tradeoff(tradeoff: Tradeoff, path: Path, *, title: str) -> None:
    """Share of unanswerable questions refused against share of answerable ones refused, over all thresholds."""
    wrongly, rightly = sorted(tradeoff.answerable.values()), sorted(tradeoff.unanswerable.values())
    thresholds = sorted({*wrongly, *rightly})
    with _figure(path) as axes:
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


def draw_quality_against_time(runs: Sequence[Run], path: Path, *, title: str) -> None:
    """Each run at the median time to its first text, with the interval of its quality."""
    measure = next(name for name in _QUALITY if all(name in run.measures for run in runs))
    with _figure(path) as axes:
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


def draw_curves(
    curves: Mapping[str, Sequence[tuple[float, float]]], path: Path, *, labels: tuple[str, str], title: str
) -> None:
    """A named line through its points for each, in the order given."""
    with _figure(path) as axes:
        for number, (name, points) in enumerate(curves.items()):
            across, up = zip(*points, strict=True)
            # Ten colours there are; from then on the marks tell.
            axes.plot(across, up, marker="osv^"[number // 10], markersize=3, linewidth=1, label=name)
        axes.set(xlabel=labels[0], ylabel=labels[1], title=title)
        axes.legend(fontsize=6)


def _below(ordered: Sequence[float], threshold: float) -> float:
    return sum(near < threshold for near in ordered) / len(ordered)


@contextmanager
def _figure(path: Path) -> Iterator[Any]:
    """Axes to draw on; the file is written at the end."""
    try:
        # With the tests' dependencies only: a service has no use for it.
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise Misconfigured("Plots need matplotlib: make setup-dev installs it.") from error
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    yield axes
    figure.savefig(path, metadata={"Date": None})
