"""The scripts of delivery.yml and the commands of docs/deploy/delivery.md work against a real git."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "delivery.yml").read_text())["jobs"]
OVERLAY = Path("deploy") / "k8s" / "overlays" / "staging" / "kustomization.yaml"
DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A clone whose `main` can be pushed, as on a runner, and a `gh` command that does nothing."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", folder)
    command = tmp_path / "bin" / "gh"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "remote", "add", "origin", "../origin.git")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "Everything")
    git(folder, "push", "--quiet", "origin", "main")
    return folder


def test_staging_gets_its_images_in_one_commit_that_a_rollback_reverts(checkout):
    before = (checkout / OVERLAY).read_text()
    outputs = run("stage", checkout, SERVICE=DIGEST, INGEST=DIGEST)
    assert outputs == {"revision": git(checkout, "rev-parse", "origin/main")}
    assert git(checkout, "show", "--format=", "--name-only", "origin/main") == str(OVERLAY)
    assert git(checkout, "show", f"origin/main:{OVERLAY}").count(DIGEST) == 2

    run("roll-back", checkout, REVISION=outputs["revision"])
    assert git(checkout, "show", f"origin/main:{OVERLAY}") == before.strip()


def test_a_delivery_of_the_same_images_makes_no_commit(checkout):
    first = run("stage", checkout, SERVICE=DIGEST, INGEST=DIGEST)
    assert run("stage", checkout, SERVICE=DIGEST, INGEST=DIGEST) == {}
    assert git(checkout, "rev-parse", "origin/main") == first["revision"]
    assert "needs.stage.outputs.revision != ''" in JOBS["roll-back"]["if"]


def test_production_gets_the_chosen_commit_and_a_rollback_adds_nothing_from_main(checkout):
    git(checkout, "push", "--quiet", "origin", "main:production")
    chosen = run("stage", checkout, SERVICE=DIGEST, INGEST=DIGEST)["revision"]
    unreleased = checkout / "unreleased.txt"
    unreleased.write_text("Not yet.\n")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "An unreleased change")
    git(checkout, "push", "--quiet", "origin", "main")
    production = str(OVERLAY).replace("staging", "prod")
    before = git(checkout, "show", f"origin/production:{production}")

    follow("Release", checkout, COMMIT=chosen)
    released = git(checkout, "rev-parse", "origin/production")
    assert git(checkout, "show", f"origin/production:{production}").count(DIGEST) == 2
    assert git(checkout, "merge-base", "origin/production", chosen) == chosen
    assert unreleased.name not in git(checkout, "ls-tree", "--name-only", "origin/production")

    # An operator starts the rollback from a checkout of main.
    git(checkout, "switch", "--quiet", "main")
    follow("Roll back", checkout, COMMIT=released)
    assert git(checkout, "show", f"origin/production:{production}") == before
    assert unreleased.name not in git(checkout, "ls-tree", "--name-only", "origin/production")
    git(checkout, "merge", "--no-edit", "origin/main")  # Merging back must not conflict.


def follow(section: str, checkout: Path, **placeholders: str) -> None:
    """Run the git and make commands of a section of docs/deploy/delivery.md."""
    page = (ROOT / "docs" / "deploy" / "delivery.md").read_text()
    text = re.split(r"(?m)^## ", page.partition(f"\n## {section}\n")[2])[0]
    commands = re.findall(r"(?m)^ *\$ ((?:git|make) .*)$", text)
    assert any(it.startswith("git push origin production") for it in commands)
    for name, value in (placeholders | {"OWNER/REPOSITORY": "example/groundwork", "sha256:…": DIGEST}).items():
        commands = [it.replace(name, value) for it in commands]
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands)], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run(job: str, checkout: Path, **variables: str) -> dict[str, str]:
    """Run the script of the job's last step as GitHub does, and return its outputs."""
    output = checkout.parent / "output"
    output.write_text("")
    environment = os.environ | variables
    environment |= {"GITHUB_OUTPUT": str(output), "GITHUB_SHA": "0" * 40, "GITHUB_REPOSITORY": "Example/Groundwork"}
    environment |= {"PATH": f"{checkout.parent / 'bin'}:{os.environ['PATH']}", "HOME": str(checkout.parent)}
    script = JOBS[job]["steps"][-1]["run"]
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    git(checkout, "fetch", "--quiet", "origin")
    return dict(line.split("=", 1) for line in output.read_text().splitlines())


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
