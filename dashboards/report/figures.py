"""A panel's numbers over a span of time, ready to be drawn."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.grafana import EVERY, Panel, Query
from dashboards.report.prometheus import Prometheus, Series, Span

# As Grafana counts it: fewer samples make no rate.
_SCRAPES_IN_A_RATE = 4
_MOST_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series under the name that the dashboard gives it."""

    name: str
    values: Sequence[float]

    @property
    def last(self) -> float:
        """Its value at the end; NaN where it has none."""
        return self.values[-1]

    @property
    def highest(self) -> float:
        return max(value for value in self.values if math.isfinite(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One panel with its lines; none where there was nothing to tell."""

    panel: Panel
    lines: Sequence[Line]
    left_out: int
    """Lines beyond those that can be told apart: the lowest."""


def read_figure(prometheus: Prometheus, panel: Panel, span: Span, *, scrape_seconds: float) -> Figure:
    lines = [
        Line(name=_named(query, series), values=series.values)
        for query in panel.queries
        for series in prometheus.series(_filled(query, span, scrape_seconds), span)
    ]
    told = [line for line in lines if any(map(math.isfinite, line.values))]
    if len(told) > _MOST_LINES:
        kept = sorted(told, key=lambda line: line.highest, reverse=True)[:_MOST_LINES]
        return Figure(panel=panel, lines=kept, left_out=len(told) - _MOST_LINES)
    return Figure(panel=panel, lines=told, left_out=0)


def _filled(query: Query, span: Span, scrape_seconds: float) -> str:
    """With what Grafana would put in for its variables."""
    window = max(_SCRAPES_IN_A_RATE * scrape_seconds, span.step + scrape_seconds)
    text = query.text
    for name, value in EVERY.items():
        text = text.replace(f"${name}", value)
    return text.replace("$__rate_interval", f"{math.ceil(window)}s")


def _named(query: Query, series: Series) -> str:
    name = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: series.labels.get(found[1], ""), query.legend)
    return name.strip() or ", ".join(series.labels.values()) or "value"
