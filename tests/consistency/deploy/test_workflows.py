"""The workflows run `make` targets, have few permissions and pin every action."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.pin import pinned
from loadtests.limits import Limits
from service.settings import AnsweringSettings

ROOT = Path(__file__).parents[3]


def _is_another_workflow(job: dict[str, Any]) -> bool:
    """Return True for a job that calls another workflow, which is tested by itself."""
    return str(job.get("uses", "")).startswith("./.github/workflows/")


TEXTS = {path.name: path.read_text() for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
WORKFLOWS: dict[str, dict[str, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = [
    pytest.param(job, id=f"{file}: {name}")
    for file, workflow in WORKFLOWS.items()
    for name, job in workflow["jobs"].items()
    if not _is_another_workflow(job)
]
OVERLAYS = ["staging", "prod"]
SERVICE = f"ghcr.io/an-owner-with-a-long-name/groundwork/groundwork-service@sha256:{'a' * 64}"


def test_the_four_workflows_exist():
    assert {"checks.yml", "gate.yml", "delivery.yml", "nightly.yml"} <= WORKFLOWS.keys()


def test_every_make_target_in_a_workflow_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for text in TEXTS.values()
        for line in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", _code(text))
        for target in line.split()
    }
    assert {"check", "test", "contracts", "gate", "load", "scan", "check-template", "image", "deliver", "eval"} <= named
    assert named <= targets


def test_an_image_is_built_only_after_every_check_has_passed():
    jobs = WORKFLOWS["delivery.yml"]["jobs"]
    (checks,) = [name for name, job in jobs.items() if job.get("uses") == "./.github/workflows/checks.yml"]
    triggers = next(
        value for name, value in WORKFLOWS["checks.yml"].items() if name is True
    )  # YAML reads the key `on` as True.
    assert "workflow_call" in triggers
    for name, job in jobs.items():
        assert checks in _needed(jobs, name) or job is jobs[checks], name
    # `always()` continues after a failure, which only the rollback may do.
    assert [name for name, job in jobs.items() if "always()" in job.get("if", "")] == ["roll-back"]


def _needed(jobs: dict[str, Any], name: str) -> set[str]:
    """Return all jobs that must pass first, directly or indirectly."""
    needs = jobs[name].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(_needed(jobs, it) for it in direct))


def test_the_delivery_guide_requires_every_job_of_a_pull_request():
    page = (ROOT / "docs" / "deploy" / "delivery.md").read_text()
    (required,) = re.findall(r"required checks: ([^;]*);", page)
    named = set(re.findall(r"`([^`]+)`", required))
    jobs = set(WORKFLOWS["checks.yml"]["jobs"]) - {"test"} | {"measure"}
    pythons = WORKFLOWS["checks.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert named == jobs | {f"test ({python})" for python in pythons}


@pytest.mark.parametrize("job", JOBS)
def test_every_job_has_permissions_and_a_timeout(job):
    assert job["permissions"] not in ("write-all", "read-all")
    assert 0 < job["timeout-minutes"] <= 180


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_grants_no_permission_and_limits_concurrency(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"]
    assert "pull_request_target" not in TEXTS[name]


def test_every_action_is_pinned_by_a_commit_and_names_its_version():
    lines = [line for text in TEXTS.values() for line in text.splitlines()]
    used = [line for line in lines if re.match(r"\s*(?:- )?uses: (?!\./)", line)]
    assert used
    for line in used:
        assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("job", JOBS)
def test_no_script_contains_an_expression(job):
    for step in job["steps"]:
        assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("job", JOBS)
def test_a_checkout_does_not_store_its_token(job):
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_tests_run_on_every_supported_python_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    supported = [line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line]
    assert WORKFLOWS["checks.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"] == supported
    assert project["requires-python"] == f">={supported[0]}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_delivery_changes_only_the_images_of_an_overlay(overlay):
    before = (ROOT / "deploy" / "k8s" / "overlays" / overlay / "kustomization.yaml").read_text()
    other = SERVICE.replace("a" * 64, "b" * 64)
    after = pinned(pinned(before, [f"service={other}"]), [f"service={SERVICE}"])
    old, new = yaml.safe_load(before), yaml.safe_load(after)
    name, _, digest = SERVICE.partition("@")
    assert {"name": "groundwork-service", "newName": name, "digest": digest} in new["images"]
    assert [image["name"] for image in new["images"]] == [image["name"] for image in old["images"]]
    assert old | {"images": []} == new | {"images": []}


def test_a_tag_is_rejected():
    with pytest.raises(ValueError, match="sha256"):
        pinned("", ["service=ghcr.io/example/groundwork-service:1.0"])


def test_an_image_name_in_upper_case_is_rejected():
    with pytest.raises(ValueError, match="lower case"):
        pinned("", [f"service=ghcr.io/Example/groundwork-service@sha256:{'a' * 64}"])


def test_a_delivery_without_images_prints_its_usage():
    run = subprocess.run(["make", "deliver", "OVERLAY=staging"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "Name the overlay and both images" in run.stdout
    assert "127.0.0.1" not in run.stdout + run.stderr


def test_staging_must_meet_the_objective_for_the_first_token():
    thresholds = Limits.read(ROOT / "deploy" / "staging.toml").thresholds
    assert thresholds["ttft_p95"] <= AnsweringSettings().first_text_seconds


def test_an_unknown_overlay_is_rejected_with_a_list_of_overlays():
    run = subprocess.run(
        [sys.executable, "deploy/pin.py", "moon", f"service={SERVICE}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "staging" in run.stderr


def _code(workflow: str) -> str:
    return "\n".join(line for line in workflow.splitlines() if not line.lstrip().startswith("#"))
