"""What Argo CD applies again and again: no field changes hands, and no default makes a difference for ever."""

import re
from typing import Any

import pytest
import yaml

from tests.support.shipped.api_defaults import DEFAULTS, objects_at
from tests.support.shipped.manifests import K8S, OVERLAYS, ROOT, named, needs_kubectl, overlay, release

pytestmark = needs_kubectl

GUIDE = ROOT / "docs" / "deploy" / "kubernetes.md"
in_a_cluster = pytest.mark.parametrize("name", [it for it in OVERLAYS if it != "dev"])
_CLIENT_SIDE = "ServerSideApply=false"


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_default_that_the_api_server_adds_is_written_out(name):
    missing = [
        f"{it['kind']} {it['metadata']['name']}: {path}.{field}"
        for it in overlay(name)
        for path, defaults in DEFAULTS.get(it["kind"], {}).items()
        for value in objects_at(it, path)
        for field in defaults
        if field not in value
    ]
    assert missing == []


def test_a_missing_default_is_found():
    route: dict[str, Any] = {"spec": {"rules": [{"backendRefs": [{"name": "a", "weight": 1}]}]}}
    [reference] = objects_at(route, "spec.rules[].backendRefs[]")
    assert set(DEFAULTS["HTTPRoute"]["spec.rules[].backendRefs[]"]) - set(reference) == {"group", "kind"}


@in_a_cluster
def test_every_service_that_a_rollout_steers_is_applied_client_side(name):
    (rollout,) = named(release(name), "Rollout").values()
    (steps,) = rollout["spec"]["strategy"].values()
    steered = {steps[key] for key in steps if key.endswith("Service")}
    marked = {
        it
        for it, service in named(release(name), "Service").items()
        if service["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-options") == _CLIENT_SIDE
        and service["metadata"]["labels"].get("groundwork/apply") == "client-side"
    }
    assert marked == steered


def applications(name: str) -> dict[str, dict[str, Any]]:
    return {it["metadata"]["name"]: it for it in yaml.safe_load_all((K8S / "argocd" / f"{name}.yaml").read_text())}


@in_a_cluster
def test_servers_and_release_are_applications_of_their_own(name):
    found = applications(name)
    assert set(found) == {f"groundwork-{name}", f"groundwork-{name}-platform", f"groundwork-{name}-qdrant"}
    for it in found.values():
        assert it["metadata"]["annotations"]["argocd.argoproj.io/compare-options"] == "ServerSideDiff=true"
    assert found[f"groundwork-{name}"]["spec"]["source"]["path"] == f"deploy/k8s/overlays/{name}"
    assert found[f"groundwork-{name}-platform"]["spec"]["source"]["path"] == f"deploy/k8s/overlays/{name}/platform"
    for part in (f"groundwork-{name}", f"groundwork-{name}-platform"):
        assert found[part]["spec"]["syncPolicy"]["retry"]["refresh"] is True
    # A release waits only for what it contains, so no server may be in it.
    assert set(named(release(name), "StatefulSet")) == set()
    assert set(named(release(name), "Deployment")) == {"groundwork-service", "groundwork-worker"}


@in_a_cluster
def test_no_controller_and_argo_cd_write_the_same_field(name):
    """Read the table of owners in the guide: Argo CD must ignore each field, or the manifests must not contain it."""
    rows = re.findall(r"(?m)^\| (\w+) `([\w-]+)` \| `([^`]+)` \| (\w[\w ]*) \|", GUIDE.read_text())
    assert len(rows) >= 5
    ignored = applications(name)[f"groundwork-{name}"]["spec"]["ignoreDifferences"]
    for kind, object_name, path, _ in rows:
        it = named(release(name), kind).get(object_name)
        if it is None:
            continue
        paths = {
            expression
            for rule in ignored
            if rule["kind"] == kind and rule.get("name", object_name) == object_name
            for expression in (*rule.get("jsonPointers", ()), *rule.get("jqPathExpressions", ()))
        }
        assert path in paths or not _contains(it, path), f"{kind} {object_name}: {path}"
        assert not any(rule["kind"] == "Deployment" and "name" not in rule for rule in ignored)


def _contains(it: dict[str, Any], pointer: str) -> bool:
    value: Any = it
    for part in pointer.strip("/").split("/"):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


@in_a_cluster
def test_the_settings_of_the_previous_release_are_kept(name):
    (settings,) = [it for key, it in named(release(name), "ConfigMap").items() if key.startswith("groundwork-settings")]
    annotations = settings["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false"
    assert annotations["argocd.argoproj.io/compare-options"] == "IgnoreExtraneous"


@in_a_cluster
def test_an_unavailable_metric_never_takes_replicas_away(name):
    for it in named(release(name), "ScaledObject").values():
        assert it["spec"]["fallback"]["behavior"] == "currentReplicasIfHigher"


@in_a_cluster
def test_a_drained_node_fails_no_job(name):
    jobs = [it["spec"] for it in overlay(name) if it["kind"] == "Job"]
    jobs += [it["spec"]["jobTemplate"]["spec"] for it in overlay(name) if it["kind"] == "CronJob"]
    assert jobs
    for job in jobs:
        [rule] = job["podFailurePolicy"]["rules"]
        assert rule == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


# By operator, the first version with each feature that the manifests use.
_FEATURES = {
    "Argo CD": {"ServerSideApply=false": "3.0", "refresh: true": "3.2"},
    "Argo Rollouts": {"sleep: {seconds:": "1.7"},
    "KEDA": {"currentReplicasIfHigher": "2.17"},
    "External Secrets": {"external-secrets.io/v1\n": "0.16"},
}


def test_the_guide_names_the_least_version_of_each_operator():
    written = "\n".join(path.read_text() for path in K8S.rglob("*.yaml"))
    listed = dict(re.findall(r"(?m)^\| \[?([\w ]+?)\]?(?:\([^)]*\))?,? from ([\d.]+)", GUIDE.read_text()))
    for operator, features in _FEATURES.items():
        needed = [version for feature, version in features.items() if feature in written]
        assert len(needed) == len(features), operator
        assert _numbers(listed[operator]) >= max(map(_numbers, needed)), operator


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
