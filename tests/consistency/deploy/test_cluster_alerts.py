"""The alerts of a cluster: late backups, lost nodes, missing copies and full volumes of Qdrant, and busy models."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.servers.prometheus_server import PROMTOOL, needs_promtool
from tests.support.shipped.manifests import ROOT, named, needs_kubectl, overlay

pytestmark = pytest.mark.slow

_ALERT = "BackupLate"
_HOUR = 3600
_NOW = 10 * 24
_TEI = ROOT / "deploy" / "k8s" / "components" / "tei-server" / "monitor.yaml"
_VLLM = ROOT / "deploy" / "k8s" / "components" / "vllm-server" / "monitor.yaml"


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
        (series("groundwork-backup", created=0, succeeded=_NOW - 25), False),
        (series("groundwork-backup", created=0, succeeded=_NOW - 28), True),
        (series("groundwork-backup", created=_NOW - 25), False),
        (series("groundwork-backup", created=0), True),
        (series("groundwork-restore-drill", created=0, succeeded=_NOW - 7 * 24), False),
        (series("groundwork-restore-drill", created=0, succeeded=_NOW - 9 * 24), True),
        ([*series("groundwork-restore-drill", created=0), suspended("groundwork-restore-drill")], False),
        ([*series("groundwork-backup", created=0), suspended("groundwork-backup")], True),
    ],
)
def test_the_alert_fires_if_the_last_success_is_too_old(seen, fires, tmp_path):
    promtool(rules(), _ALERT, seen, tmp_path, interval="1h", at=f"{_NOW}h", fires=fires)


NODES = [f'up{{namespace="groundwork",job="monitoring/qdrant",pod="qdrant-{number}"}}' for number in range(3)]
PEERS = 'cluster_peers_total{namespace="groundwork",job="monitoring/qdrant"}'
# As Qdrant 1.19 exports it: without a label for the collection.
COPIES = 'collection_active_replicas_min{namespace="groundwork",job="monitoring/qdrant"}'
COLLECTIONS = 'collections_total{namespace="groundwork",job="monitoring/qdrant"}'
_VOLUME = '{namespace="one",persistentvolumeclaim="qdrant-storage-qdrant-0"}'
USED = f"kubelet_volume_stats_used_bytes{_VOLUME}"
SIZE = f"kubelet_volume_stats_capacity_bytes{_VOLUME}"


@needs_kubectl
@needs_promtool
@pytest.mark.parametrize(
    ("alert", "values", "fires"),
    [
        ("QdrantNodeMissing", dict.fromkeys(NODES, 1) | {PEERS: 3}, False),
        ("QdrantNodeMissing", dict.fromkeys(NODES, 1) | {PEERS: 2}, True),
        ("QdrantNodeMissing", dict.fromkeys(NODES, 1) | {NODES[0]: 0, PEERS: 3}, True),
        ("QdrantNodeMissing", dict.fromkeys(NODES, 0), True),
        ("QdrantNodeMissing", {"other": 1}, True),
        ("QdrantCopiesMissing", {COPIES: 3, COLLECTIONS: 1}, False),
        ("QdrantCopiesMissing", {COPIES: 2, COLLECTIONS: 1}, True),
        ("QdrantCopiesMissing", {COPIES: 0, COLLECTIONS: 0}, False),
        ("QdrantVolumeFilling", {USED: 79, SIZE: 100}, False),
        ("QdrantVolumeFilling", {USED: 81, SIZE: 100}, True),
    ],
)
def test_an_alert_on_the_nodes_fires_by_what_they_report(alert, values, fires, tmp_path):
    seen = [{"series": name, "values": f"{value}x30"} for name, value in values.items()]
    promtool(rules(), alert, seen, tmp_path, interval="1m", at="30m", fires=fires)


@needs_promtool
@pytest.mark.parametrize(
    ("waiting", "at", "fires"),
    [
        pytest.param({"vllm-0": "9x60"}, "14m", True, id="ten minutes of a long queue"),
        pytest.param({"vllm-0": "9x60"}, "9m", False, id="not yet ten minutes"),
        pytest.param({"vllm-0": "3x60", "vllm-1": "3x60"}, "14m", True, id="queues of two replicas together"),
        pytest.param({"vllm-0": "4x60"}, "60m", False, id="as many as may wait"),
        pytest.param({"vllm-0": "0x20 30x3 0x37"}, "30m", False, id="a burst of three minutes"),
        pytest.param({"vllm-0": "9x20 0x40"}, "40m", False, id="a queue that is gone"),
        pytest.param({}, "60m", False, id="no vLLM"),
    ],
)
def test_the_alert_on_the_queue_of_the_model_fires_after_ten_minutes(waiting, at, fires, tmp_path):
    spec = next(it for it in yaml.safe_load_all(_VLLM.read_text()) if it["kind"] == "PrometheusRule")["spec"]
    seen = [
        {"series": f'vllm:num_requests_waiting{{namespace="groundwork",pod="{pod}"}}', "values": values}
        for pod, values in waiting.items()
    ]
    promtool(spec, "ModelQueueLong", seen, tmp_path, interval="1m", at=at, fires=fires)


@needs_promtool
@pytest.mark.parametrize(
    ("component", "waiting", "fires"),
    [
        pytest.param("questions", 5, True, id="questions wait"),
        pytest.param("questions", 4, False, id="as many as may wait"),
        pytest.param("ingestion", 500, False, id="documents wait"),
    ],
)
def test_the_alert_on_the_queue_of_the_embedder_counts_questions_only(component, waiting, fires, tmp_path):
    spec = next(it for it in yaml.safe_load_all(_TEI.read_text()) if it["kind"] == "PrometheusRule")["spec"]
    labels = f'namespace="groundwork",pod="tei-0",app_kubernetes_io_component="{component}"'
    seen = [{"series": f"te_queue_size{{{labels}}}", "values": f"{waiting}x60"}]
    promtool(spec, "EmbedderQueueLong", seen, tmp_path, interval="1m", at="30m", fires=fires)


def promtool(
    spec: dict[str, Any], alert: str, seen: list[dict[str, str]], tmp_path: Path, *, interval: str, at: str, fires: bool
) -> None:
    # promtool evaluates every rule of the file at each interval, which takes most of its time.
    groups = [group for group in spec["groups"] if alert in {rule["alert"] for rule in group["rules"]}]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    asked: dict[str, object] = {
        "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
        "eval_time": at,
    }
    asked["exp_samples"] = [{"labels": "{}", "value": 1}] if fires else []
    case = {"interval": interval, "input_series": seen, "promql_expr_test": [asked]}
    (tmp_path / "cases.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": interval, "tests": [case]})
    )
    run = [str(PROMTOOL), "test", "rules", str(tmp_path / "cases.yml")]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_kubectl
def test_the_alerts_name_existing_cronjobs_and_existing_runbooks():
    for it in (rule for group in rules()["groups"] for rule in group["rules"]):
        assert it["annotations"]["runbook_url"] == f"docs/operations/runbooks/{it['alert']}.md"
        assert (ROOT / it["annotations"]["runbook_url"]).exists()
        assert it["labels"]["severity"] == "ticket"
    (rule,) = rules()["groups"][0]["rules"]
    for name in ("groundwork-backup", "groundwork-restore-drill"):
        assert f'cronjob="{name}"' in rule["expr"]
        assert name in named(overlay("prod"), "CronJob")
