"""Dashboards as Python values, and their conversion to Grafana's JSON.

In an expression `$on` stands for the label matchers that every selector carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from string import ascii_uppercase
from typing import Any

_ON = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'
# The value of "All" for each variable. Other programs export `up` and `process_…` too, so "All" jobs means only ours.
# Outside a cluster series have no namespace, so its pattern must match the empty string.
ALL_VALUES = {"namespace": ".*", "job": "groundwork-(service|worker)", "instance": ".+"}
_DATASOURCE = {"type": "prometheus", "uid": "$datasource"}
_COLUMNS = 24
_ROW_HEIGHT = 8
_STAT_HEIGHT = 5


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and the legend of its series."""

    expression: str
    legend: str = ""
    exemplars: bool = False

    @property
    def text(self) -> str:
        """The expression with label matchers filled in. Grafana's variables remain."""
        return self.expression.replace("$on", _ON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One graph with a description for the operator on call."""

    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    width: int = 12
    stacked: bool = False
    thresholds: Sequence[tuple[float, str]] = ()
    """Pairs of lowest value and colour. Below the first value the panel is green."""

    @property
    def height(self) -> int:
        return _STAT_HEIGHT if self.kind == "stat" else _ROW_HEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A heading and its panels from left to right."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard. Its name is used for the file and in the URL."""

    name: str
    title: str
    description: str
    rows: Sequence[Row] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the model that Grafana 9 and newer provision."""
        return {
            "uid": f"groundwork-{self.name}",
            "title": f"Groundwork / {self.title}",
            "description": self.description,
            "tags": ["groundwork"],
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "schemaVersion": 39,
            "time": {"from": "now-3h", "to": "now"},
            "timezone": "browser",
            "links": [
                {"type": "dashboards", "title": "Groundwork", "tags": ["groundwork"], "asDropdown": True}
                | {"includeVars": True, "keepTime": True}
            ],
            "templating": {"list": _variables()},
            "annotations": {"list": []},
            "panels": _lay_out(self.rows),
        }


def quantiles(
    histogram: str, *, by: str = "", legend: str = "", of: Sequence[float] = (0.5, 0.95, 0.99), exemplars: bool = False
) -> list[Query]:
    """Return one query for each quantile of a classic histogram.

    `histogram` may carry matchers: `rag_x_seconds{stage="embed"}`. `by` lists labels: "job, gate".
    """
    name, _, matchers = histogram.rstrip("}").partition("{")
    selector = f"{name}_bucket{{$on{',' if matchers else ''}{matchers}}}"
    labels = f"le, {by}" if by else "le"
    series = legend or _legend(by)
    return [
        Query(
            f"histogram_quantile({q}, sum by ({labels}) (rate({selector}[$__rate_interval])))",
            f"{series} p{q * 100:g}".strip(),
            exemplars,
        )
        for q in of
    ]


def rates(counter: str, *, by: str) -> list[Query]:
    """Return the query for the increase of a counter per second, by labels such as "job, gate"."""
    return [Query(f"sum by ({by}) (rate({counter}{{$on}}[$__rate_interval]))", _legend(by))]


def heat(histogram: str, *, exemplars: bool = False) -> list[Query]:
    """Return the query for a heatmap: observations per bucket."""
    return [Query(f"sum by (le) (increase({histogram}_bucket{{$on}}[$__rate_interval]))", "{{le}}", exemplars)]


def _legend(by: str) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in by.split(", ") if label)


def _variables() -> list[dict[str, Any]]:
    datasource = {"name": "datasource", "label": "Data Source", "type": "datasource", "query": "prometheus"}
    namespaces = _label_variable("namespace", "Namespace", "")
    jobs = _label_variable("job", "Job", '{namespace=~"$namespace"}')
    instances = _label_variable("instance", "Instance", '{namespace=~"$namespace",job=~"$job"}')
    return [datasource | {"refresh": 1, "hide": 0}, namespaces, jobs, instances]


def _label_variable(name: str, label: str, matchers: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": f"label_values(rag_build_info{matchers}, {name})", "refId": name},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ALL_VALUES[name],
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


def _lay_out(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return headings and panels with positions: panels flow from left to right, each heading starts a new line."""
    ids = count(1)
    placed: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        placed.append(
            {"id": next(ids), "type": "row", "title": row.title, "collapsed": False, "panels": []}
            | {"gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1}}
        )
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > _COLUMNS:
                x, y, height = 0, y + height, 0
            placed.append(_panel(next(ids), panel, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return placed


def _panel(panel_id: int, panel: Panel, position: dict[str, int]) -> dict[str, Any]:
    return {
        "id": panel_id,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "gridPos": position,
        "targets": [
            _target(letter, panel, query) for letter, query in zip(ascii_uppercase, panel.queries, strict=False)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _target(letter: str, panel: Panel, query: Query) -> dict[str, Any]:
    return {
        "refId": letter,
        "datasource": _DATASOURCE,
        "expr": query.text,
        "legendFormat": query.legend or "__auto",
        "exemplar": query.exemplars,
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        "instant": panel.kind == "stat",
        "range": panel.kind != "stat",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps = [{"color": "green", "value": None}] + [
        {"color": color, "value": value} for value, color in panel.thresholds
    ]
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries":
        defaults["min"] = 0
        defaults["custom"] = {
            "fillOpacity": 30 if panel.stacked else 0,
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "dashed" if panel.thresholds else "off"},
            "showPoints": "never",
        }
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    match panel.kind:
        case "stat":
            return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"}
        case "heatmap":
            return {
                "calculate": False,
                "yAxis": {"unit": panel.unit},
                "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
                "exemplars": {"color": "rgba(0,114,178,0.9)"},
                "tooltip": {"mode": "single", "yHistogram": True},
            }
        case _:
            return {
                "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
