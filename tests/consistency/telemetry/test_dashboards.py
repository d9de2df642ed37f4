"""The committed dashboards are up to date, follow Grafana's lint rules and read only metrics that the programs emit.

Grafana's dashboard-linter is a Go program, so its rules are implemented here.
"""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import ingest.metrics
import service.metrics
from dashboards.__main__ import files
from dashboards.boards.overview import FIRST_TOKEN
from dashboards.grafana import ALL_VALUES
from dashboards.slos import FIRST_TEXT_BOUNDARIES, slos
from tests.support.servers.prometheus_server import PROMTOOL, needs_promtool
from tests.support.shipped.expressions import (
    DASHBOARDS,
    SUFFIXES,
    boards,
    diagnosis_expressions,
    emitted,
    labels_of,
    panel_expressions,
    panels,
    rule_expressions,
    rules,
    runbook_expressions,
)

_PANELS = dict(panels())
_EXPRESSIONS = panel_expressions()
_SHIPPED = [*_EXPRESSIONS, *rule_expressions(), *runbook_expressions(), *diagnosis_expressions()]


def test_the_committed_files_are_what_the_generator_writes():
    for path, text in files(first_text_seconds=_threshold(boards()["overview.json"])).items():
        assert (DASHBOARDS / path).read_text() == text, f"{path}: run `python -m dashboards`"


def _threshold(overview: dict[str, Any]) -> float:
    """Return the objective for the first token, in seconds, that the overview dashboard was generated with."""
    (panel,) = [panel for panel in overview["panels"] if panel["title"] == FIRST_TOKEN]
    seconds: float = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]
    return seconds


@pytest.mark.parametrize("expression", _SHIPPED, ids=lambda it: it.place)
def test_an_expression_reads_only_series_that_exist(expression):
    recorded = {rule["record"] for _, rule in rules() if "record" in rule}
    assert expression.metrics or expression.text.startswith("vector("), "No metric was recognised."
    assert expression.metrics <= emitted() | recorded


@pytest.mark.parametrize("expression", _SHIPPED, ids=lambda it: it.place)
def test_an_expression_uses_only_labels_that_its_series_have(expression):
    assert expression.labels <= {"namespace", "job", "instance"}.union(*map(labels_of, expression.metrics))


def test_every_metric_has_a_panel():
    drawn = set().union(*(it.metrics for it in [*_EXPRESSIONS, *rule_expressions()]))
    families = [family.name for family in REGISTRY.collect() if family.name.startswith("rag_")]
    missing = [name for name in families if not {f"{name}{suffix}" for suffix in SUFFIXES} & drawn]
    # It repeats the labels of rag_prompt_answers_total.
    assert missing == ["rag_prompt_info"]


@pytest.mark.parametrize("histogram", [service.metrics.TIME_TO_FIRST_TOKEN, ingest.metrics.FRESHNESS])
def test_a_latency_objective_is_a_bucket_boundary_of_its_histogram(histogram):
    bucket = rf'{histogram._name}_bucket{{(?:[^}}]*,)?le="([\d.]+)"'
    thresholds = {float(bound) for it in rule_expressions() for bound in re.findall(bucket, it.text)}
    assert thresholds
    assert thresholds <= set(histogram._upper_bounds)


@pytest.mark.slow
def test_every_first_token_objective_that_the_generator_accepts_is_a_bucket_boundary():
    assert set(FIRST_TEXT_BOUNDARIES) <= set(service.metrics.TIME_TO_FIRST_TOKEN._upper_bounds)
    for seconds in FIRST_TEXT_BOUNDARIES:
        assert f'le="{seconds}"' in files(first_text_seconds=seconds)["rules/slo.yml"]


def test_the_first_token_panel_draws_the_objective_as_its_threshold():
    assert _threshold(json.loads(files(first_text_seconds=1.0)["grafana/overview.json"])) == 1.0


def test_the_page_and_the_dashboard_name_every_stage_of_an_answer_in_order():
    stages = list(service.metrics.ANSWER_STAGES.durations)
    page = (DASHBOARDS.parent / "service" / "page" / "operate" / "panels.js").read_text()
    assert json.loads(re.search(r"const STAGES = (\[.*?\])", page)[1]) == stages
    assert re.findall("|".join(stages), _PANELS["requests.json: Stages, p95"]["description"]) == stages


def test_budgets_and_burn_rates_are_separate_for_each_environment():
    targets = [
        target
        for place, panel in _PANELS.items()
        if re.match(r"overview.json: (Error budget|Burn)", place)
        for target in panel["targets"]
    ]
    assert len(targets) == 6
    for target in targets:
        assert "{{namespace}}" in target["legendFormat"]
        assert "by (job)" not in target["expr"]


def test_gate_and_embedder_panels_separate_service_and_worker():
    # Both programs have these metrics. A p95 over questions and document batches together has no meaning.
    shared = [it.text for it in _EXPRESSIONS if re.search(r"rag_(gate|embed)_", it.text)]
    assert len(shared) > 5
    assert [text for text in shared if not re.search(r"by \((le, )?job\b", text)] == []


def test_the_freshness_panel_shows_the_objective_and_its_quantile():
    (freshness,) = [slo for slo in slos() if slo.name == "freshness"]
    (panel,) = [panel for panel in _PANELS.values() if panel["title"] == "Freshness, p50 and p99"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] == freshness.seconds
    assert f"histogram_quantile({freshness.objective}," in panel["targets"][-1]["expr"]


def test_prometheus_retains_data_for_the_longest_window_of_a_panel():
    longest = max(int(days) for it in _EXPRESSIONS for days in re.findall(r"\[(\d+)d\]", it.text))
    root = DASHBOARDS.parent
    for path in (root / "compose.yaml", root / "README.md", *(root / "docs").rglob("*.md")):
        retained = re.findall(r"--storage\.tsdb\.retention\.time=(\d+)d", path.read_text())
        assert all(int(days) >= longest for days in retained), path
        assert retained or path.name != "compose.yaml"


def test_the_value_all_matches_every_scraped_job():
    scraped = yaml.safe_load((DASHBOARDS / "prometheus.yml").read_text())["scrape_configs"]
    assert all(re.fullmatch(ALL_VALUES["job"], job["job_name"]) for job in scraped)


@needs_promtool
def test_no_panel_shows_series_of_other_programs(tmp_path):
    read = {metric for it in _EXPRESSIONS for metric in it.metrics if not re.search(r"rag_|:|ALERTS", metric)}
    assert {"up", "process_resident_memory_bytes"} <= read
    stranger = '{job="node-exporter",instance="node:9100",namespace="monitoring"}'
    # Alerts of kube-prometheus-stack; the first one always fires.
    alerts = ['alertname="Watchdog",severity="none"', 'alertname="KubeletDown",severity="critical",job="kubelet"']
    series = [metric + stranger for metric in sorted(read)]
    series += [f'ALERTS{{alertstate="firing",namespace="monitoring",{alert}}}' for alert in alerts]
    zero = [{"labels": "{}", "value": 0}]
    asked = [
        {"expr": it.filled, "eval_time": "10m", "exp_samples": zero if "ALERTS" in it.text else []}
        for it in _EXPRESSIONS
    ]
    case = {"interval": "15s", "input_series": [{"series": one, "values": "1+1x40"} for one in series]}
    cases = tmp_path / "cases.yml"
    cases.write_text(yaml.safe_dump({"rule_files": [], "tests": [case | {"promql_expr_test": asked}]}))
    done = subprocess.run([str(PROMTOOL), "test", "rules", cases], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("board", boards().values(), ids=boards())
def test_a_dashboard_has_four_filter_variables_and_is_not_editable_in_grafana(board):
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["label"]) == ("datasource", "Data Source")
    # Outside a cluster series have no namespace, so the pattern must match the empty string.
    for name, pattern in {"namespace": ".*", "job": "groundwork-(service|worker)", "instance": ".+"}.items():
        variable = variables[name]
        assert variable["multi"]
        assert (variable["allValue"], variable["refresh"]) == (pattern, 2)
        assert variable["datasource"]["uid"] == "$datasource"
    assert board["editable"] is False
    assert board["uid"].startswith("groundwork-")


@pytest.mark.parametrize("panel", _PANELS.values(), ids=_PANELS)
def test_a_panel_has_a_title_a_description_and_a_unit(panel):
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for part in (panel, *panel["targets"]):
        assert part["datasource"]["uid"] == "$datasource"


@pytest.mark.parametrize("expression", _EXPRESSIONS, ids=lambda it: it.place)
def test_a_panel_expression_uses_every_filter_and_the_rate_interval(expression):
    for selector in re.findall(r"(?<![:\w])(?:rag_\w+|process_\w+|python_\w+|up\b)(?:\{[^}]*\})?", expression.text):
        for name in ("namespace", "job", "instance"):
            assert f'{name}=~"${name}"' in selector
    # A recorded series has only the labels at the start of its name, so it cannot be filtered by instance.
    for level, matchers in re.findall(r"\b(job|feature|feature_bin):\w+:\w+(\{[^}]*\})?", expression.text):
        assert 'namespace=~"$namespace"' in matchers
        assert level != "job" or 'job=~"$job"' in matchers
    assert not re.search(r"\$__interval\b", expression.text)
    for window in re.findall(r"\[([^\]]+)\]", expression.text):
        # A fixed window is allowed only if the title or the description names it.
        assert window in {"$__rate_interval", "30d", "5m"}


@pytest.mark.parametrize("expression", _EXPRESSIONS, ids=lambda it: it.place)
def test_a_counter_is_read_only_by_rate_or_increase(expression):
    counters = re.findall(r"(\w+)\(\s*\w+_total\b", expression.text)
    assert len(counters) == len(re.findall(r"\w+_total\b", expression.text))
    assert set(counters) <= {"rate", "increase"}
