"""The alert on late backups of a Qdrant cluster fires by the times of its CronJobs."""

import subprocess

import pytest
import yaml

from tests.support.servers.prometheus_server import PROMTOOL, needs_promtool
from tests.support.shipped.manifests import ROOT, named, needs_kubectl, overlay

pytestmark = pytest.mark.slow

_ALERT = "BackupLate"
_HOUR = 3600
_NOW = 20 * 24


def rules():
    return named(overlay("prod"), "PrometheusRule")["qdrant-backups"]["spec"]


def series(cronjob: str, **hours: int) -> list[dict[str, str]]:
    names = {"created": "kube_cronjob_created", "succeeded": "kube_cronjob_status_last_successful_time"}
    labels = f'{{namespace="groundwork",cronjob="{cronjob}"}}'
    return [{"series": names[what] + labels, "values": f"{at * _HOUR}x{_NOW}"} for what, at in hours.items()]


def suspended(cronjob: str) -> dict[str, str]:
    return {"series": f'kube_cronjob_spec_suspend{{namespace="groundwork",cronjob="{cronjob}"}}', "values": f"1x{_NOW}"}


@needs_kubectl
@needs_promtool
@pytest.mark.parametrize(
    ("seen", "fires"),
    [
        (series("qdrant-snapshot", created=0, succeeded=_NOW - 25), False),
        (series("qdrant-snapshot", created=0, succeeded=_NOW - 28), True),
        (series("qdrant-snapshot", created=_NOW - 25), False),
        (series("qdrant-snapshot", created=0), True),
        (series("qdrant-restore-drill", created=0, succeeded=_NOW - 7 * 24), False),
        (series("qdrant-restore-drill", created=0, succeeded=_NOW - 9 * 24), True),
        ([*series("qdrant-restore-drill", created=0), suspended("qdrant-restore-drill")], False),
        ([*series("qdrant-snapshot", created=0), suspended("qdrant-snapshot")], True),
    ],
)
def test_the_alert_fires_if_the_last_success_is_too_old(seen, fires, tmp_path):
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules()))
    asked: dict[str, object] = {
        "expr": f'count(ALERTS{{alertname="{_ALERT}",alertstate="firing"}})',
        "eval_time": f"{_NOW}h",
    }
    asked["exp_samples"] = [{"labels": "{}", "value": 1}] if fires else []
    case = {"interval": "1h", "input_series": seen, "promql_expr_test": [asked]}
    (tmp_path / "cases.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1h", "tests": [case]})
    )
    run = [str(PROMTOOL), "test", "rules", str(tmp_path / "cases.yml")]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_kubectl
def test_the_alert_names_existing_cronjobs_and_an_existing_runbook():
    (rule,) = rules()["groups"][0]["rules"]
    for name in ("qdrant-snapshot", "qdrant-restore-drill"):
        assert f'cronjob="{name}"' in rule["expr"]
        assert name in named(overlay("prod"), "CronJob")
    assert rule["labels"]["severity"] == "ticket"
    assert rule["annotations"]["runbook_url"] == f"docs/operations/runbooks/{rule['alert']}.md"
    assert (ROOT / "docs" / "operations" / "runbooks" / f"{rule['alert']}.md").exists()
