"""Every PromQL expression that this project ships: dashboards, rules, runbooks and the diagnosis page."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import REGISTRY

# These modules declare the metrics that `emitted` lists.
import ingest.metrics  # noqa: F401
import rag.metrics  # noqa: F401
import service.metrics  # noqa: F401
from dashboards.grafana import ALL_VALUES

DASHBOARDS = Path(__file__).parents[3] / "dashboards"
DIAGNOSIS = DASHBOARDS.parent / "docs" / "operations" / "diagnose.md"
RULE_FILES = sorted((DASHBOARDS / "rules").glob("*.yml"))
# Values for Grafana's variables. The range is short enough for the Prometheus of a test.
_VARIABLES = ALL_VALUES | {"__rate_interval": "30s"}
# Series of kube-state-metrics, TEI and vLLM that runbooks read, with their labels. Only a cluster has them.
KUBERNETES = {
    "kube_cronjob_status_last_successful_time": {"cronjob"},
    "vllm:kv_cache_usage_perc": {"pod"},
    "te_queue_size": {"pod"},
    "vllm:num_requests_running": {"pod"},
    "vllm:num_requests_waiting": {"pod"},
}
SUFFIXES = ("_bucket", "_sum", "_count", "_total", "")
_SELECTOR = re.compile(r"\b([a-zA-Z_]+[a-zA-Z_:0-9]*)(\{[^}]*\})?(?=[\s)\[*/+-]|$)")
_WORDS = frozenset({"sum", "rate", "by", "le", "increase", "on", "and", "or", "max", "count", "time", "vector"}) | {
    *(
        "histogram_quantile",
        "absent",
        "group_left",
        "ignoring",
        "ln",
        "clamp_min",
        "unless",
        "offset",
        "last_over_time",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A PromQL expression and the place where it is written."""

    place: str
    text: str

    @property
    def filled(self) -> str:
        """The expression with values for Grafana's variables."""
        text = self.text
        for name, value in _VARIABLES.items():
            text = text.replace(f"${name}", value)
        return text

    @property
    def selectors(self) -> list[str]:
        """The selectors that the expression reads, each as `metric{matchers}`."""
        without_lists = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", r"\1 ", self.filled)
        bare = re.sub(r"\[[^\]]*\]", " ", without_lists)
        quoted = re.sub(r'"[^"]*"', lambda found: found[0].replace(" ", ""), bare)
        return [f"{name}{matchers}" for name, matchers in _SELECTOR.findall(quoted) if name not in _WORDS]

    @property
    def labels(self) -> set[str]:
        """The names of the labels that the expression filters or groups by."""
        lists = re.findall(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)", self.filled)
        matchers = re.findall(r"\{([^}]*)\}", self.filled)
        return {name for names in lists for name in re.findall(r"\w+", names)} | {
            name for matcher in matchers for name in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matcher)
        }

    @property
    def metrics(self) -> set[str]:
        """The names of the series that the expression reads."""
        return {selector.partition("{")[0] for selector in self.selectors}


def boards() -> dict[str, dict[str, Any]]:
    """Return the committed dashboards by file name."""
    return {path.name: json.loads(path.read_text()) for path in sorted((DASHBOARDS / "grafana").glob("*.json"))}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every panel with data, preceded by its place."""
    for name, board in boards().items():
        yield from ((f"{name}: {panel['title']}", panel) for panel in board["panels"] if panel["type"] != "row")


def panel_expressions() -> list[Expression]:
    return [
        Expression(place=f"{place} {target['refId']}", text=target["expr"])
        for place, panel in panels()
        for target in panel["targets"]
    ]


def rules() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every rule, preceded by the name of its file."""
    for path in RULE_FILES:
        for group in _groups(path):
            yield from ((path.name, rule) for rule in group["rules"])


@cache
def _groups(path: Path) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(path.read_text())["groups"]
    return groups


def rule_expressions() -> list[Expression]:
    return [
        Expression(place=f"{file}: {rule.get('record') or rule['alert']}", text=rule["expr"]) for file, rule in rules()
    ]


def runbook_expressions() -> list[Expression]:
    """Return the queries of the runbooks."""
    pages = sorted((DASHBOARDS.parent / "docs" / "operations" / "runbooks").glob("*.md"))
    return [
        Expression(place=page.name, text=block)
        for page in pages
        for block in re.findall(r"```promql\n(.*?)\n```", page.read_text(), re.DOTALL)
    ]


def diagnosis_expressions() -> list[Expression]:
    """Return the queries of the diagnosis page."""
    spans = re.findall(r"`([^`]+)`", DIAGNOSIS.read_text())
    return [Expression(place=DIAGNOSIS.name, text=span) for span in spans if re.search(r"\brag_|:rag_|\bup\{", span)]


@cache
def emitted() -> set[str]:
    """Return the names of all series of service, worker, Prometheus, kube-state-metrics and vLLM."""
    families = [family for family in REGISTRY.collect() if family.name.startswith(("rag_", "process_", "python_"))]
    return {f"{family.name}{suffix}" for family in families for suffix in SUFFIXES} | {"up", "ALERTS", *KUBERNETES}


def labels_of(series: str) -> set[str]:
    """Return the labels of a series, except `namespace`, `job` and `instance`.

    The labels of a recorded series are those that its rule groups by and adds.
    """
    if series in KUBERNETES:
        return KUBERNETES[series]
    if ":" in series:
        recording = [rule for _, rule in rules() if rule.get("record") == series]
        grouped = Expression(place=series, text=" ".join(rule["expr"] for rule in recording)).labels
        return grouped.union(*(rule.get("labels", {}) for rule in recording))
    if series == "ALERTS":
        return {"alertname", "alertstate"}.union(*(rule["labels"] for _, rule in rules() if "alert" in rule))
    collector = REGISTRY._names_to_collectors.get(series)
    return {*getattr(collector, "_labelnames", ()), *(["le"] if series.endswith("_bucket") else [])}
