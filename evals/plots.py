"""Plots of results, one file each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.errors import Misconfigured


@contextmanager
def open_figure(path: Path) -> Iterator[Any]:
    """Yield the axes of a new figure and save it to the file at the end."""
    try:
        # matplotlib is a development dependency. Evaluations without plots run without it.
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise Misconfigured("Plots need matplotlib, which is not installed. Run `make setup-dev`.") from error
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    yield axes
    figure.savefig(path, metadata={"Date": None})


def plot_curves(
    curves: Mapping[str, Sequence[tuple[float, float]]], path: Path, *, labels: tuple[str, str], title: str
) -> None:
    """Plot one labelled line per curve."""
    with open_figure(path) as axes:
        for number, (name, points) in enumerate(curves.items()):
            x, y = zip(*points, strict=True)
            # The colours repeat after ten curves, so the markers must differ then.
            axes.plot(x, y, marker="osv^"[number // 10], markersize=3, linewidth=1, label=name)
        axes.set(xlabel=labels[0], ylabel=labels[1], title=title)
        axes.legend(fontsize=6)
