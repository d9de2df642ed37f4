"""Every alert has test cases, a place in the game day and a runbook with the same four sections."""

import re
import subprocess
from pathlib import Path

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
def test_promtool_passes_every_test_case(cases):
    run(str(PROMTOOL), "test", "rules", cases)


@needs_promtool
def test_promtool_fails_if_a_threshold_changes(tmp_path):
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
    fires = [
        bool(check["exp_samples"])
        for path in CASES
        for case in yaml.safe_load(path.read_text())["tests"]
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
