"""A figure as a picture."""

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dashboards.report.figures import Figure
from dashboards.report.prometheus import Span
from dashboards.report.units import written

_INCHES = (9.0, 3.2)
_DOTS = 110
_DASHES = ("-", "--", ":", "-.")
_COLOURS = {"yellow": "#a86200", "red": "#a8261c"}


def draw_png(figure: Figure, span: Span) -> bytes:
    """Needs matplotlib, which comes with the development dependencies; raises ImportError."""
    # Only here: whoever writes dashboards does not need it.
    from matplotlib.dates import date2num  # noqa: PLC0415
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415

    canvas = Canvas(figsize=_INCHES, dpi=_DOTS, layout="constrained")
    axes = canvas.subplots()
    times = [datetime.fromtimestamp(time, UTC) for time in span.times]
    if figure.panel.stacked:
        _stack(axes, times, figure)
    else:
        _lines(axes, times, figure)
    for value, colour in figure.panel.thresholds:
        # A promise far above everything would press the lines to the ground.
        if value <= 2 * max((line.highest for line in figure.lines), default=0.0):
            axes.axhline(value, linestyle=(0, (6, 4)), linewidth=1, color=_COLOURS.get(colour, colour))
    axes.set_xlim(date2num(times[0]), date2num(times[-1]))  # type: ignore[no-untyped-call]  # left out by matplotlib
    axes.set_ylim(bottom=0)
    axes.set_title(figure.panel.title, loc="left")
    axes.set_xlabel("UTC")
    axes.yaxis.set_major_formatter(lambda value, _: written(value, figure.panel.unit))
    axes.grid(alpha=0.3)
    if figure.lines:
        axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    else:
        axes.text(0.5, 0.5, "Nothing in this time", transform=axes.transAxes, ha="center", va="center")
    written_to = io.BytesIO()
    canvas.savefig(written_to, format="png")
    return written_to.getvalue()


def _stack(axes: Any, times: Sequence[datetime], figure: Figure) -> None:
    values = [[value if math.isfinite(value) else 0.0 for value in line.values] for line in figure.lines]
    if values:
        axes.stackplot(times, *values, labels=[line.name for line in figure.lines], alpha=0.8)


def _lines(axes: Any, times: Sequence[datetime], figure: Figure) -> None:
    for number, line in enumerate(figure.lines):
        # A value between two gaps has no line; its dot shows.
        style = _DASHES[number % len(_DASHES)]
        axes.plot(times, line.values, style, marker=".", markersize=2, linewidth=1.5, label=line.name)
