"""Every alert has test cases, a place in the game day and a runbook with the same four sections."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.drills.gameday.scenarios import SCENARIOS
from tests.support.servers.prometheus_server import PROMTOOL, needs_promtool
from tests.support.shipped.expressions import DASHBOARDS, RULE_FILES, rules

pytestmark = pytest.mark.slow

ROOT = DASHBOARDS.parent
CASES = sorted((DASHBOARDS / "rules" / "tests").glob("*.yml"))
ALERTS = [rule for _, rule in rules() if "alert" in rule]
NAMES = dict.fromkeys(rule["alert"] for rule in ALERTS)
RUNBOOKS = ROOT / "docs" / "operations" / "runbooks"
SECTIONS = ["Diagnose", "Causes", "Mitigate", "Resolved when"]


@cache
def _read(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(), yaml.CSafeLoader)


def run(program: str, *arguments: str | Path) -> str:
    # promtool makes a new database for each case. A larger heap saves a third of its time.
    larger_heap = os.environ | {"GOGC": "400", "GOMAXPROCS": "1"}
    command = [program, *map(str, arguments)]
    done = subprocess.run(command, env=larger_heap, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_promtool_accepts_the_rules_and_the_configuration():
    run(str(PROMTOOL), "check", "rules", *RULE_FILES)
    run(str(PROMTOOL), "check", "config", DASHBOARDS / "prometheus.yml")


@needs_promtool
@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_promtool_passes_every_test_case(cases):
    run(str(PROMTOOL), "test", "rules", cases)


@needs_promtool
def test_promtool_fails_if_a_threshold_changes(tmp_path):
    rule_file = DASHBOARDS / "rules" / "alerts.yml"
    (tmp_path / "alerts.yml").write_text(rule_file.read_text().replace("> 0.5\n", "> 1.5\n"))
    all_tests = _read(DASHBOARDS / "rules" / "tests" / "alerts.yml")["tests"]
    tests = [test for test in all_tests if 'alertname="LanguageModelDown"' in str(test["promql_expr_test"])]
    cases = tmp_path / "cases.yml"
    cases.write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(cases)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "LanguageModelDown" in done.stdout + done.stderr


@pytest.mark.parametrize("alert", NAMES)
def test_every_alert_has_a_case_that_fires_and_one_that_does_not(alert):
    fires = [
        bool(check["exp_samples"])
        for path in CASES
        for case in _read(path)["tests"]
        for check in case["promql_expr_test"]
        if f'alertname="{alert}"' in check["expr"]
    ]
    assert set(fires) == {True, False}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}")
def test_every_alert_has_a_summary_a_description_and_a_runbook(rule):
    notes = rule["annotations"]
    assert notes["summary"]
    assert notes["description"].endswith(".")
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert notes["runbook_url"] == f"docs/operations/runbooks/{rule['alert']}.md"
    assert (ROOT / notes["runbook_url"]).is_file()


@pytest.mark.parametrize(
    "page", [page for page in sorted(RUNBOOKS.glob("*.md")) if page.name != "README.md"], ids=lambda page: page.stem
)
def test_every_runbook_has_the_same_sections_and_commands_to_paste(page):
    text = page.read_text()
    assert re.findall(r"(?m)^## (.+)$", text) == SECTIONS
    assert text.lower().startswith(f"# {page.stem.lower()}\n")
    assert re.search(r"(?m)^```(promql|console)$", text.partition("## Causes")[0])


def test_the_index_lists_every_runbook():
    listed = set(re.findall(r"\]\((\w+\.md)\)", (RUNBOOKS / "README.md").read_text()))
    assert listed == {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}


def test_the_game_day_provokes_every_alert():
    played = {alert for scenario in SCENARIOS for alert in scenario.alerts}
    assert played == set(NAMES)


def test_every_runbook_belongs_to_an_alert():
    pages = {path.stem for path in RUNBOOKS.glob("*.md")}
    # The alerts of deploy/k8s exist in a cluster only. restore.md belongs to no alert.
    in_a_cluster = {
        "BackupLate",
        "EmbedderQueueLong",
        "ModelQueueLong",
        "QdrantNodeMissing",
        "QdrantCopiesMissing",
        "QdrantVolumeFilling",
    }
    assert pages - {"README", "restore"} == set(NAMES) | in_a_cluster
