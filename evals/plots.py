"""Plots of results, one file each."""

from collections.abc import Iterator
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
