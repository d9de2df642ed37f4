"""The workflows run what a person runs, may do little, and take nothing whose content could change."""

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

ROOT = Path(__file__).parents[2]


def _is_another_workflow(job: dict[str, Any]) -> bool:
    """Then its jobs say what holds for it."""
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
SERVICE = f"ghcr.io/somebody-with-a-long-name/groundwork/groundwork-service@sha256:{'a' * 64}"


def test_there_are_workflows_for_a_change_for_main_and_for_the_night():
    assert {"checks.yml", "gate.yml", "delivery.yml", "nightly.yml"} <= WORKFLOWS.keys()


def test_every_make_target_that_they_name_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for text in TEXTS.values()
        for line in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", _code(text))
        for target in line.split()
    }
    assert {"check", "test", "contracts", "gate", "load", "scan", "image", "deliver", "eval"} <= named
    assert named <= targets


def test_an_image_is_built_of_what_has_passed_every_check():
    jobs = WORKFLOWS["delivery.yml"]["jobs"]
    (checks,) = [name for name, job in jobs.items() if job.get("uses") == "./.github/workflows/checks.yml"]
    triggers = next(
        value for name, value in WORKFLOWS["checks.yml"].items() if name is True
    )  # YAML reads `on` as true.
    assert "workflow_call" in triggers
    for name, job in jobs.items():
        assert checks in _needed(jobs, name) or job is jobs[checks], name
    # `always()` goes on over a failure: only what takes back may.
    assert [name for name, job in jobs.items() if "always()" in job.get("if", "")] == ["roll-back"]


def _needed(jobs: dict[str, Any], name: str) -> set[str]:
    """Whatever must be green first, directly or not."""
    needs = jobs[name].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(_needed(jobs, it) for it in direct))


def test_the_page_on_delivery_requires_every_job_that_a_change_starts():
    page = (ROOT / "docs" / "deploy" / "delivery.md").read_text()
    (required,) = re.findall(r"required checks: ([^;]*);", page)
    named = set(re.findall(r"`([^`]+)`", required))
    jobs = set(WORKFLOWS["checks.yml"]["jobs"]) - {"test"} | {"measure"}
    pythons = WORKFLOWS["checks.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert named == jobs | {f"test ({python})" for python in pythons}


@pytest.mark.parametrize("job", JOBS)
def test_every_job_says_what_it_may_and_how_long(job):
    assert job["permissions"] not in ("write-all", "read-all")
    assert 0 < job["timeout-minutes"] <= 180


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_is_allowed_that_no_job_asks_for_and_runs_do_not_pile_up(name):
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
def test_no_expression_is_written_into_a_script(job):
    for step in job["steps"]:
        assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("job", JOBS)
def test_no_token_stays_in_a_checkout(job):
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_tests_run_on_every_python_that_is_promised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    promised = [line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line]
    assert WORKFLOWS["checks.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"] == promised
    assert project["requires-python"] == f">={promised[0]}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_delivery_changes_the_images_of_an_overlay_and_nothing_else(overlay):
    before = (ROOT / "deploy" / "k8s" / "overlays" / overlay / "kustomization.yaml").read_text()
    other = SERVICE.replace("a" * 64, "b" * 64)
    after = pinned(pinned(before, [f"service={other}"]), [f"service={SERVICE}"])
    was, now = yaml.safe_load(before), yaml.safe_load(after)
    name, _, digest = SERVICE.partition("@")
    assert {"name": "groundwork-service", "newName": name, "digest": digest} in now["images"]
    assert [image["name"] for image in now["images"]] == [image["name"] for image in was["images"]]
    assert was | {"images": []} == now | {"images": []}


def test_a_tag_is_no_digest():
    with pytest.raises(ValueError, match="sha256"):
        pinned("", ["service=ghcr.io/somebody/groundwork-service:1.0"])


def test_a_repository_in_upper_case_is_refused():
    with pytest.raises(ValueError, match="lower case"):
        pinned("", [f"service=ghcr.io/Somebody/groundwork-service@sha256:{'a' * 64}"])


def test_a_delivery_without_images_says_what_to_name():
    run = subprocess.run(["make", "deliver", "OVERLAY=staging"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "Name the overlay and both images" in run.stdout
    assert "127.0.0.1" not in run.stdout + run.stderr


def test_staging_is_held_to_the_time_to_first_token_that_users_are_promised():
    thresholds = Limits.read(ROOT / "deploy" / "staging.toml").thresholds
    assert thresholds["ttft_p95"] <= AnsweringSettings().first_text_seconds


def test_an_overlay_that_does_not_exist_is_named_with_those_that_do():
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
