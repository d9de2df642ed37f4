"""With staging and production in one Prometheus, an alert fires only for the environment that has the problem.

The test adds the namespace to each rule, as the Prometheus operator does with `enforcedNamespaceLabel`: to the series
that the rule reads and to the result.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.servers.prometheus_server import PROMTOOL, needs_promtool
from tests.support.shipped.expressions import RULE_FILES
from tests.support.shipped.manifests import K8S

pytestmark = pytest.mark.slow

PRODUCTION, STAGING = (
    yaml.safe_load((K8S / "overlays" / name / "kustomization.yaml").read_text())["namespace"]
    for name in ("prod", "staging")
)
_SERIES = re.compile(r"\b(up|rag_\w+|(?:job|slo|feature|feature_bin):\w+:\w+)(?:\{([^}]*)\})?")
_MINUTES = 15
_SERVICE = "groundwork-service"


def enforced(namespace: str) -> dict[str, Any]:
    groups = [group for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"]]
    for rule in (rule for group in groups for rule in group["rules"]):
        rule["labels"] = rule.get("labels", {}) | {"namespace": namespace}
        rule["expr"] = _SERIES.sub(
            lambda series: f'{series[1]}{{{series[2] + "," if series[2] else ""}namespace="{namespace}"}}', rule["expr"]
        )
    return {"groups": groups}


def up(namespace: str, job: str, value: int) -> dict[str, str]:
    return {"series": f'up{{namespace="{namespace}",job="{job}",instance="a"}}', "values": f"{value}x{_MINUTES}"}


def model(namespace: str, outcome: str) -> list[dict[str, str]]:
    """Return series of ten model calls per minute with one outcome."""
    return [
        {
            "series": f'rag_generations_total{{namespace="{namespace}",job="{_SERVICE}",outcome="{it}"}}',
            "values": f"0+10x{_MINUTES}" if it == outcome else f"0x{_MINUTES}",
        }
        for it in ("ok", "failed")
    ]


def requests(namespace: str, outcome: str) -> dict[str, str]:
    labels = f'namespace="{namespace}",job="groundwork-service",route="/v1/answers",outcome="{outcome}"'
    return {"series": f"rag_requests_total{{{labels}}}", "values": f"0+10x{_MINUTES}"}


def everything_up(namespace: str) -> list[dict[str, str]]:
    return [up(namespace, "groundwork-service", 1), up(namespace, "groundwork-worker", 1)]


@needs_promtool
@pytest.mark.parametrize(
    ("seen", "fires"),
    [
        pytest.param([*everything_up(PRODUCTION), *everything_up(STAGING)], [], id="both environments are healthy"),
        pytest.param(
            [*everything_up(PRODUCTION), up(STAGING, "groundwork-service", 0), up(STAGING, "groundwork-worker", 1)],
            [("ReplicaDown", STAGING), ("ServiceDown", STAGING)],
            id="staging's service is down",
        ),
        pytest.param(
            everything_up(STAGING),
            [("ServiceDown", PRODUCTION), ("WorkerDown", PRODUCTION)],
            id="production has no targets",
        ),
        pytest.param(
            [
                *(series for namespace in (PRODUCTION, STAGING) for series in everything_up(namespace)),
                *(*model(PRODUCTION, "ok"), requests(PRODUCTION, "ok")),
                *(*model(STAGING, "failed"), requests(STAGING, "error")),
            ],
            [("AvailabilityBudgetBurning", STAGING), ("LanguageModelDown", STAGING)],
            id="staging's model fails",
        ),
    ],
)
def test_an_alert_fires_only_for_its_own_environment(seen, fires, tmp_path):
    asked = {
        "expr": 'group by (alertname, namespace) (ALERTS{alertstate="firing"})',
        "eval_time": f"{_MINUTES}m",
        "exp_samples": [
            {"labels": f'{{alertname="{alert}",namespace="{namespace}"}}', "value": 1} for alert, namespace in fires
        ],
    }
    _run_cases(tmp_path, {"interval": "1m", "input_series": seen, "promql_expr_test": [asked]})


def _run_cases(folder: Path, case: dict[str, Any]) -> None:
    files = []
    for namespace in (PRODUCTION, STAGING):
        files.append(f"{namespace}.yml")
        (folder / files[-1]).write_text(yaml.safe_dump(enforced(namespace)))
    cases = {"rule_files": files, "evaluation_interval": "1m", "tests": [case]}
    (folder / "cases.yml").write_text(yaml.safe_dump(cases))
    run = [str(PROMTOOL), "test", "rules", str(folder / "cases.yml")]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
