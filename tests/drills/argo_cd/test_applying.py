"""Applying the overlays again changes nothing, and the drill finds what the first manifests did."""

import os
import uuid

import pytest

from tests.drills.argo_cd.api import KubectlApi
from tests.drills.argo_cd.applying import apply_again, ignored_by, to_objects
from tests.support.fakes.api_server import StandInApi
from tests.support.shipped.manifests import needs_kubectl

pytestmark = needs_kubectl

_KUBECONFIG = os.environ.get("TEST_KUBECONFIG")


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_applying_again_takes_no_field_of_another_controller_and_differs_from_nothing(name):
    namespace = f"drill-{uuid.uuid4().hex[:8]}"
    api = KubectlApi(_KUBECONFIG, namespace) if _KUBECONFIG else StandInApi()
    try:
        applied = apply_again(api, to_objects(name, namespace), ignored_by(name))
    finally:
        api.clean_up()
    assert (applied.lost, applied.differing) == ((), ())
    assert applied.objects > 50


def test_services_that_are_applied_server_side_and_fields_that_are_not_ignored_are_lost():
    objects = to_objects("staging", "drill")
    for it in objects:
        if it["kind"] == "Service":
            it["metadata"].pop("annotations", None)
    applied = apply_again(StandInApi(), objects, ignored=[])
    assert applied.lost == (
        "Service groundwork-service-canary: rollouts-controller",
        "Service groundwork-service: rollouts-controller",
        "HTTPRoute groundwork: rollouts-controller",
    )


def test_replicas_that_are_written_in_git_are_taken_from_the_autoscaler():
    objects = to_objects("prod", "drill")
    for it in objects:
        if (it["kind"], it["metadata"]["name"]) == ("Deployment", "groundwork-worker"):
            it["spec"]["replicas"] = 1
    applied = apply_again(StandInApi(), objects, ignored=[])
    assert applied.lost == ("Deployment groundwork-worker: keda-operator",)
