"""Alerts: each fires when it should and not when it should not, and each leads to a page that says what to do."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.drills.gameday.scenarios import SCENARIOS
from tests.support.expressions import DASHBOARDS, RULE_FILES, rules
from tests.support.prometheus_server import PROMTOOL, needs_promtool

ROOT = DASHBOARDS.parent
CASES = sorted((DASHBOARDS / "rules" / "tests").glob("*.yml"))
ALERTS = [rule for _, rule in rules() if "alert" in rule]
NAMES = dict.fromkeys(rule["alert"] for rule in ALERTS)
_PARTS = ("## Symptom", "## Look", "## Causes", "## Do", "## Over")


def run(program: str, *arguments: str | Path) -> str:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_promtool_accepts_the_rules_and_the_configuration():
    run(str(PROMTOOL), "check", "rules", *RULE_FILES)
    run(str(PROMTOOL), "check", "config", DASHBOARDS / "prometheus.yml")


@needs_promtool
@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_every_case_fires_or_does_not_as_it_says(cases):
    run(str(PROMTOOL), "test", "rules", cases)


@needs_promtool
def test_a_case_that_is_wrong_is_noticed(tmp_path):
    for path in (*RULE_FILES, *CASES):
        copy = tmp_path / path.relative_to(DASHBOARDS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text().replace("> 0.5\n", "> 1.5\n"))
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", str(tmp_path / "rules" / "tests" / "alerts.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "LanguageModelDown" in done.stdout + done.stderr


@pytest.mark.parametrize("alert", NAMES)
def test_every_alert_has_a_case_that_fires_and_one_that_does_not(alert):
    found = [
        bool(check["exp_samples"])
        for path in CASES
        for case in yaml.safe_load(path.read_text())["tests"]
        for check in case["promql_expr_test"]
        if f'alertname="{alert}"' in check["expr"]
    ]
    assert set(found) == {True, False}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}")
def test_every_alert_says_what_happened_and_has_a_runbook(rule):
    notes = rule["annotations"]
    assert notes["summary"]
    assert notes["description"].endswith(".")
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert notes["runbook_url"] == f"docs/operations/runbooks/{rule['alert']}.md"
    page = (ROOT / notes["runbook_url"]).read_text()
    assert [part for part in _PARTS if part not in page] == []


def test_every_alert_is_broken_on_a_game_day():
    played = {alert for scenario in SCENARIOS for alert in scenario.alerts}
    assert played == set(NAMES)


def test_every_runbook_is_an_alerts():
    pages = {path.stem for path in (ROOT / "docs" / "operations" / "runbooks").glob("*.md")}
    # Nothing alerts whoever has lost a disk: they come to that page by themselves. BackupLate is a cluster's.
    assert pages - {"README", "restore", "BackupLate"} == set(NAMES)
