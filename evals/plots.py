"""Pictures of results: one figure, one file."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.errors import Misconfigured


@contextmanager
def open_figure(path: Path) -> Iterator[Any]:
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


def draw_curves(
    curves: Mapping[str, Sequence[tuple[float, float]]], path: Path, *, labels: tuple[str, str], title: str
) -> None:
    """A named line through its points for each, in the order given."""
    with open_figure(path) as axes:
        for number, (name, points) in enumerate(curves.items()):
            across, up = zip(*points, strict=True)
            # Ten colours there are; from then on the marks tell.
            axes.plot(across, up, marker="osv^"[number // 10], markersize=3, linewidth=1, label=name)
        axes.set(xlabel=labels[0], ylabel=labels[1], title=title)
        axes.legend(fontsize=6)
