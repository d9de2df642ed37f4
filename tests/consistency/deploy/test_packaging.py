"""pyproject.toml: what is installed for which program, and what a wheel contains."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.shipped.manifests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
REQUIREMENTS = ROOT / "deploy" / "image"
_PIN = re.compile(r"^([a-z0-9.-]+)==([^\s;+]+)", re.MULTILINE)


def pins(path: Path) -> dict[str, set[str]]:
    """Return the versions of each package; constraints may pin one for each version of Python."""
    found: dict[str, set[str]] = {}
    for package, version in _PIN.findall(path.read_text()):
        found.setdefault(package, set()).add(version)
    return found


def group(name: str) -> set[str]:
    """Return the requirements of a dependency group and of the groups that it includes."""
    own = {entry for entry in GROUPS[name] if isinstance(entry, str)}
    included = [group(entry["include-group"]) for entry in GROUPS[name] if isinstance(entry, dict)]
    return own.union(*included)


def names(requirements: set[str]) -> set[str]:
    """Return the names of packages without versions and extras."""
    return {re.match(r"[a-z0-9-]+", requirement)[0] for requirement in requirements}


def test_the_groups_of_both_programs_together_are_the_dependencies():
    assert group("service") | group("ingest") | group("generator") == set(PROJECT["project"]["dependencies"])


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("service", {"python-calamine", "pypdfium2", "xllamacpp", "torch"}),
        ("ingest", {"fastapi", "xllamacpp", "torch"}),
    ],
)
def test_a_lean_image_installs_nothing_of_the_other_program(name, missing):
    assert not missing & pins(REQUIREMENTS / f"{name}.txt").keys()


@pytest.mark.parametrize("name", ["service", "ingest", "generator", "embedder-weights", "generator-weights"])
def test_an_image_installs_every_package_of_its_group(name):
    assert names(group(name)) <= pins(REQUIREMENTS / f"{name}.txt").keys()


@pytest.mark.parametrize("backend", ["cpu", "cuda"])
def test_the_complete_image_installs_every_package_of_torchs_group(backend):
    installed = [
        pins(REQUIREMENTS / f"{name}.txt").keys() for name in ("service", "ingest", "torch", f"torch-{backend}")
    ]
    assert names(group("torch")) <= set().union(*installed)


@pytest.mark.parametrize("name", ["service", "ingest", "generator", "torch", "torch-cpu"])
def test_the_packages_of_an_image_have_the_versions_of_the_constraints(name):
    known = pins(ROOT / "constraints.txt")
    for package, versions in pins(REQUIREMENTS / f"{name}.txt").items():
        assert versions <= known[package], package


def test_torch_with_cuda_has_the_version_of_the_constraints():
    assert pins(REQUIREMENTS / "torch-cuda.txt")["torch"] == pins(ROOT / "constraints.txt")["torch"]


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda path: path.stem)
def test_every_package_of_an_image_has_hashes(path):
    text = path.read_text()
    hashed = re.findall(r"^[a-z0-9.-]+==\S+.*\\\n    --hash=sha256:", text, re.MULTILINE)
    assert len(hashed) == len(_PIN.findall(text)) > 0
