"""Dashboards as values, and the JSON that Grafana makes of them.

In expressions `$on` stands for the matchers that every selector of ours carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

_ON = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'
# What "All" stands for. Other programs have up and process_… too, so jobs are ours; outside a cluster nothing has a
# namespace.
EVERY = {"namespace": ".*", "job": "groundwork-(service|worker)", "instance": ".+"}
_DATASOURCE = {"type": "prometheus", "uid": "$datasource"}
_COLUMNS = 24
_ROW_HEIGHT = 8
_STAT_HEIGHT = 5


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and what its series are called."""

    expression: str
    legend: str = ""
    exemplars: bool = False

    @property
    def text(self) -> str:
        """With the matchers of every selector; Grafana's variables are still in it."""
        return self.expression.replace("$on", _ON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture, with what it means to who looks at it at night."""

    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    width: int = 12
    stacked: bool = False
    thresholds: Sequence[tuple[float, str]] = ()
    """From which value on it has which colour; it begins green."""

    @property
    def height(self) -> int:
        return _STAT_HEIGHT if self.kind == "stat" else _ROW_HEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels under a heading, from left to right."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard; its name is that of its file and of its address."""

    name: str
    title: str
    description: str
    rows: Sequence[Row] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As Grafana 9 and newer provision it."""
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
            "panels": _laid_out(self.rows),
        }


def quantiles(
    histogram: str, *, by: str = "", legend: str = "", of: Sequence[float] = (0.5, 0.95, 0.99), exemplars: bool = False
) -> list[Query]:
    """Of a classic histogram; `histogram` may carry matchers: `rag_x_seconds{stage="embed"}`; `by`: "job, gate"."""
    name, _, matchers = histogram.rstrip("}").partition("{")
    selector = f"{name}_bucket{{$on{',' if matchers else ''}{matchers}}}"
    labels = f"le, {by}" if by else "le"
    told = legend or " ".join(f"{{{{{label}}}}}" for label in by.split(", ") if label)
    return [
        Query(
            f"histogram_quantile({q}, sum by ({labels}) (rate({selector}[$__rate_interval])))",
            f"{told} p{q * 100:g}".strip(),
            exemplars,
        )
        for q in of
    ]


def heat(histogram: str, *, exemplars: bool = False) -> list[Query]:
    """How many observations fell into each bucket."""
    return [Query(f"sum by (le) (increase({histogram}_bucket{{$on}}[$__rate_interval]))", "{{le}}", exemplars)]


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
        "allValue": EVERY[name],
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


def _laid_out(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Panels flow from left to right; a row's heading begins a line of its own."""
    ids = count(1)
    laid: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        laid.append(
            {"id": next(ids), "type": "row", "title": row.title, "collapsed": False, "panels": []}
            | {"gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1}}
        )
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > _COLUMNS:
                x, y, height = 0, y + height, 0
            laid.append(_panel(next(ids), panel, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return laid


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "targets": [_target(letter, panel, query) for letter, query in zip("ABCDEFGH", panel.queries, strict=False)],
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
