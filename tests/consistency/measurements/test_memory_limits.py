"""The memory limits of compose.yaml and the Kubernetes overlays cover the measured peaks."""

import re

import pytest
import yaml

from ingest.settings import ParsingSettings
from tests.support.shipped.manifests import OVERLAYS, ROOT, mebibytes, needs_kubectl, overlay, workloads

OVERVIEW = (ROOT / "docs" / "measurements" / "overview.md").read_text()


def _peak(program: str) -> int:
    """Return the largest measured peak in MiB of "the service" or "its worker"."""
    [row] = re.findall(rf"^\| peak memory of {program}.*$", OVERVIEW, re.MULTILINE)
    *runs, _target = re.findall(r"([\d,]+) MiB", row)
    [in_image] = re.findall(
        r"at most (\d+) MiB for the service and (\d+) MiB for the worker", " ".join(OVERVIEW.split())
    )
    return max(*(int(run.replace(",", "")) for run in runs), int(in_image[program == "its worker"]))


def _parsers() -> int:
    parsing = ParsingSettings()
    return parsing.processes * parsing.memory_mib


@needs_kubectl
@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_limits_each_program_above_its_measured_peak(name):
    limits = {it.name: mebibytes(it.containers[0]["resources"]["limits"]["memory"]) for it in workloads(overlay(name))}
    assert limits["groundwork-service"] >= _peak("the service")
    assert limits["groundwork-worker"] >= _peak("its worker") + _parsers()


def test_compose_limits_the_worker_above_its_measured_peak():
    worker = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["ingest"]
    limit = int(worker["deploy"]["resources"]["limits"]["memory"].removesuffix("G")) * 1024
    assert limit >= _peak("its worker") + _parsers()
