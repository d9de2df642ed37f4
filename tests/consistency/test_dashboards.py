"""Dashboards are those of the program that writes them, read well, and show nothing that nobody emits.

The rules of reading are dashboard-linter's, which is written in Go; `promtool` and Prometheus read the expressions.
"""

import json
import re
import subprocess

import pytest
import yaml

import ingest.metrics
import service.metrics
from dashboards.__main__ import files
from dashboards.boards.overview import FIRST_TOKEN
from dashboards.grafana import EVERY
from dashboards.report.choice import chosen_panels, promised
from dashboards.slos import FIRST_TEXT_BOUNDARIES, slos
from tests.support.expressions import (
    DASHBOARDS,
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
from tests.support.prometheus_server import PROMTOOL, needs_promtool

_PANELS = dict(panels())
_EXPRESSIONS = panel_expressions()
_SHIPPED = [*_EXPRESSIONS, *rule_expressions(), *runbook_expressions(), *diagnosis_expressions()]


def test_what_is_committed_is_what_the_program_writes():
    for path, text in files(first_text_seconds=promised()).items():
        assert (DASHBOARDS / path).read_text() == text, f"{path}: run `python -m dashboards`"


@pytest.mark.parametrize("expression", _SHIPPED, ids=lambda it: it.place)
def test_no_expression_reads_what_nobody_emits(expression):
    recorded = {rule["record"] for _, rule in rules() if "record" in rule}
    assert expression.metrics or expression.text.startswith("vector("), "No metric was recognised."
    assert expression.metrics <= emitted() | recorded


@pytest.mark.parametrize("expression", _SHIPPED, ids=lambda it: it.place)
def test_no_expression_asks_for_a_label_that_its_series_do_not_have(expression):
    assert expression.labels <= {"namespace", "job", "instance"}.union(*map(labels_of, expression.metrics))


@pytest.mark.parametrize("histogram", [service.metrics.TIME_TO_FIRST_TOKEN, ingest.metrics.FRESHNESS])
def test_a_promise_in_seconds_is_a_boundary_of_its_histogram(histogram):
    named = rf'{histogram._name}_bucket{{(?:[^}}]*,)?le="([\d.]+)"'
    promised = {float(found) for it in rule_expressions() for found in re.findall(named, it.text)}
    assert promised
    assert promised <= set(histogram._upper_bounds)


def test_any_promise_that_the_program_accepts_is_a_boundary_too():
    assert set(FIRST_TEXT_BOUNDARIES) <= set(service.metrics.TIME_TO_FIRST_TOKEN._upper_bounds)
    for seconds in FIRST_TEXT_BOUNDARIES:
        assert f'le="{seconds}"' in files(first_text_seconds=seconds)["rules/slo.yml"]


def test_the_line_of_the_first_token_is_the_promise_that_was_written_in_graphs_and_report(tmp_path):
    written = tmp_path / "overview.json"
    written.write_text(files(first_text_seconds=1.0)["grafana/overview.json"])
    (shown,) = [panel for panel in json.loads(written.read_text())["panels"] if panel["title"] == FIRST_TOKEN]
    assert shown["fieldConfig"]["defaults"]["thresholds"]["steps"][1:] == [{"color": "red", "value": 1.0}]
    (drawn,) = [panel for panel in chosen_panels(written) if panel.title == FIRST_TOKEN]
    assert drawn.thresholds == ((1.0, "red"),)


def test_budgets_and_burn_rates_of_two_environments_are_told_apart():
    told = [
        target
        for place, panel in _PANELS.items()
        if re.match(r"overview.json: (Budget|Burn)", place)
        for target in panel["targets"]
    ]
    assert len(told) == 6
    for target in told:
        assert "{{namespace}}" in target["legendFormat"]
        assert "by (job)" not in target["expr"]


def test_gates_and_the_embedder_of_service_and_worker_are_told_apart():
    # Both have one: a batch of documents in a question's p95 would say nothing of either.
    shared = [it.text for it in _EXPRESSIONS if re.search(r"rag_(gate|embed)_", it.text)]
    assert len(shared) > 5
    assert [text for text in shared if not re.search(r"by \((le, )?job\b", text)] == []


def test_the_line_of_freshness_stands_beside_the_quantile_that_is_promised():
    (freshness,) = [slo for slo in slos() if slo.name == "freshness"]
    (panel,) = [panel for panel in _PANELS.values() if panel["title"] == "From the inbox to being found, p50 and p99"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] == freshness.seconds
    assert f"histogram_quantile({freshness.objective}," in panel["targets"][-1]["expr"]


def test_prometheus_is_started_to_keep_what_the_longest_window_of_a_panel_reads():
    longest = max(int(days) for it in _EXPRESSIONS for days in re.findall(r"\[(\d+)d\]", it.text))
    for page in ("README.md", "compose.yaml"):
        kept = re.findall(r"--storage\.tsdb\.retention\.time=(\d+)d", (DASHBOARDS.parent / page).read_text())
        assert [int(days) >= longest for days in kept] == [True], page


def test_all_jobs_are_those_that_prometheus_is_told_to_scrape():
    told = yaml.safe_load((DASHBOARDS / "prometheus.yml").read_text())["scrape_configs"]
    assert all(re.fullmatch(EVERY["job"], job["job_name"]) for job in told)


@needs_promtool
def test_no_panel_shows_programs_that_are_not_ours(tmp_path):
    read = {metric for it in _EXPRESSIONS for metric in it.metrics if not re.search(r"rag_|:|ALERTS", metric)}
    assert {"up", "process_resident_memory_bytes"} <= read
    stranger = '{job="node-exporter",instance="node:9100",namespace="monitoring"}'
    # Those that kube-prometheus-stack has; the first always fires.
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
def test_a_board_is_filtered_by_datasource_namespace_job_and_instance_and_edited_in_its_source(board):
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["label"]) == ("datasource", "Data Source")
    # Nothing has a namespace outside a cluster.
    for name, every in {"namespace": ".*", "job": "groundwork-(service|worker)", "instance": ".+"}.items():
        variable = variables[name]
        assert variable["multi"]
        assert (variable["allValue"], variable["refresh"]) == (every, 2)
        assert variable["datasource"]["uid"] == "$datasource"
    assert board["editable"] is False
    assert board["uid"].startswith("groundwork-")


@pytest.mark.parametrize("panel", _PANELS.values(), ids=_PANELS)
def test_a_panel_says_what_it_shows_and_in_which_unit(panel):
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for part in (panel, *panel["targets"]):
        assert part["datasource"]["uid"] == "$datasource"


@pytest.mark.parametrize("expression", _EXPRESSIONS, ids=lambda it: it.place)
def test_an_expression_is_filtered_and_rates_over_the_interval_that_suits_the_scrape(expression):
    for selector in re.findall(r"(?<![:\w])(?:rag_\w+|process_\w+|python_\w+|up\b)(?:\{[^}]*\})?", expression.text):
        for name in ("namespace", "job", "instance"):
            assert f'{name}=~"${name}"' in selector
    # What is recorded has the labels that its name begins with, and of these a job may be chosen.
    for level, matchers in re.findall(r"\b(job|feature|feature_bin):\w+:\w+(\{[^}]*\})?", expression.text):
        assert 'namespace=~"$namespace"' in matchers
        assert level != "job" or 'job=~"$job"' in matchers
    assert not re.search(r"\$__interval\b", expression.text)
    for window in re.findall(r"\[([^\]]+)\]", expression.text):
        # A fixed window only where the title or the description names it.
        assert window in {"$__rate_interval", "30d", "5m"}


@pytest.mark.parametrize("expression", _EXPRESSIONS, ids=lambda it: it.place)
def test_a_counter_is_read_only_as_a_rate(expression):
    counters = re.findall(r"(\w+)\(\s*\w+_total\b", expression.text)
    assert len(counters) == len(re.findall(r"\w+_total\b", expression.text))
    assert set(counters) <= {"rate", "increase"}
