"""Rollouts in a cluster: their pods, their analyses, and deadlines that do not end them during an analysis."""

import re

import pytest
import yaml

import service.settings
from dashboards.slos import slos
from tests.support.shipped.manifests import OVERLAYS, ROOT, named, needs_kubectl, overlay, release

pytestmark = needs_kubectl

every_overlay = pytest.mark.parametrize("name", OVERLAYS)
in_a_cluster = pytest.mark.parametrize("name", [it for it in OVERLAYS if it != "dev"])


@in_a_cluster
def test_a_rollout_uses_an_existing_deployment_and_existing_services(name):
    objects = overlay(name)
    (rollout,) = named(objects, "Rollout").values()
    assert named(objects, "Deployment")[rollout["spec"]["workloadRef"]["name"]]["spec"]["replicas"] == 0
    strategy = rollout["spec"]["strategy"]
    (steps,) = strategy.values()
    services = {steps[key] for key in steps if key.endswith("Service")}
    assert len(services) == 2
    assert services <= set(named(objects, "Service"))
    templates = set(re.findall(r"'templateName': '([\w-]+)'", str(strategy)))
    assert templates == set(named(objects, "AnalysisTemplate"))
    for plugin in steps.get("trafficRouting", {}).get("plugins", {}).values():
        assert plugin == {"httpRoute": "groundwork", "namespace": next(iter(named(objects, "Namespace")))}


@in_a_cluster
def test_autoscaling_is_created_after_its_target(name):
    """A ScaledObject without a target is degraded, and Argo CD stops at a degraded wave."""
    objects = overlay(name)
    for it in named(objects, "ScaledObject").values():
        target = it["spec"]["scaleTargetRef"]
        assert _wave(it) >= _wave(named(objects, target["kind"])[target["name"]])


@in_a_cluster
def test_a_claim_that_waits_for_its_first_pod_holds_up_neither_a_release_nor_a_delivery(name):
    """Argo CD waits for every object of all waves but the last, and an application with such a claim is not healthy."""
    last = max(map(_wave, release(name)))
    claims = named(release(name), "PersistentVolumeClaim")
    assert claims
    for it in claims.values():
        assert _wave(it) == last
        assert it["metadata"]["annotations"]["argocd.argoproj.io/ignore-healthcheck"] == "true"


def _wave(it) -> int:
    return int(it["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", 0))


@every_overlay
def test_each_version_of_the_service_is_spread_separately(name):
    objects = overlay(name)
    label = "rollouts-pod-template-hash" if named(objects, "Rollout") else "pod-template-hash"
    spec = named(objects, "Deployment")["groundwork-service"]["spec"]["template"]["spec"]
    assert [it["matchLabelKeys"] for it in spec["topologySpreadConstraints"]] == [[label]] * 2


@in_a_cluster
def test_the_deadline_of_a_rollout_covers_its_analysis(name):
    """A canary's steps pause the deadline. The analyses of blue-green do not."""
    objects = overlay(name)
    (rollout,) = named(objects, "Rollout").values()
    starting = named(objects, "Deployment")["groundwork-service"]["spec"]["progressDeadlineSeconds"]
    analysis = 0 if "canary" in rollout["spec"]["strategy"] else _smoke(objects)["activeDeadlineSeconds"]
    assert rollout["spec"]["progressDeadlineSeconds"] >= starting + analysis


def _smoke(objects):
    return named(objects, "AnalysisTemplate")["groundwork-smoke"]["spec"]["metrics"][0]["provider"]["job"]["spec"]


def test_a_canary_has_an_analysis_at_every_weight():
    steps = named(overlay("staging"), "Rollout")["groundwork-service"]["spec"]["strategy"]["canary"]["steps"]
    weights = [number for number, step in enumerate(steps) if "setWeight" in step]
    assert weights
    for number in weights:
        assert steps[number + 1]["analysis"]["templates"] == [{"templateName": "groundwork-live"}]


def test_a_delivery_waits_for_the_longest_rollout():
    objects = overlay("staging")
    steps = named(objects, "Rollout")["groundwork-service"]["spec"]["strategy"]["canary"]["steps"]
    live = named(objects, "AnalysisTemplate")["groundwork-live"]["spec"]["metrics"]
    analysis = max(int(it["initialDelay"][:-1]) + it["count"] * int(it["interval"][:-1]) for it in live)
    starting = named(objects, "Deployment")["groundwork-service"]["spec"]["progressDeadlineSeconds"] / 60
    longest = starting + _smoke(objects)["activeDeadlineSeconds"] / 60 + analysis * str(steps).count("groundwork-live")
    smoke = yaml.safe_load((ROOT / ".github" / "workflows" / "delivery.yml").read_text())["jobs"]["smoke"]
    (waiting,) = [step["timeout-minutes"] for step in smoke["steps"] if "timeout-minutes" in step]
    # Eight minutes more, because Argo CD polls every three minutes and the nodes pull the image.
    assert waiting >= longest + 8
    assert smoke["timeout-minutes"] >= waiting + 10


@in_a_cluster
def test_a_rollout_is_judged_by_the_service_level_objectives(name):
    live = named(overlay(name), "AnalysisTemplate")["groundwork-live"]["spec"]["metrics"]
    bounds = {it["name"]: float(re.findall(r"[<>]=? ([\d.]+)$", it["successCondition"])[0]) for it in live}
    objectives = {slo.name: slo.objective for slo in slos()}
    assert bounds["first-token-p95"] == service.settings.AnsweringSettings().first_text_seconds
    assert bounds["groundedness"] == objectives["groundedness"]
