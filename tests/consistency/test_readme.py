"""What the papers say exists in the code."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rag import __version__
from tests.support.settings import table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_settings_table_is_the_codes_own():
    assert table() in README, "Print the table anew: python -m tests.support.settings"


def test_every_make_target_that_the_papers_name_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in pages() for name in re.findall(r"`make ([a-z-]+)", page)}
    assert named <= targets


def test_every_file_that_the_papers_link_exists():
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_every_variable_that_the_papers_name_is_a_setting():
    known = set(re.findall(r"`(RAG_\w+)`", table()))
    named = {name.rstrip("_") for page in pages() for name in re.findall(r"RAG_[A-Z0-9_]+", page)}
    assert {name for name in named if not name.startswith("RAG_TEST") and name != "RAG"} <= known


@pytest.mark.parametrize("program", ["ingest", "evals", "service"])
def test_every_command_that_the_papers_name_is_one(program):
    shown = subprocess.run([sys.executable, "-m", program, "--help"], capture_output=True, text=True, check=True).stdout
    known = set(re.search(r"\{([a-z,-]+)\}", shown)[1].split(","))
    named = {name for page in pages() for name in re.findall(rf"python -m {program} ([a-z][a-z-]*)", page)}
    assert named
    assert named <= known


def test_the_version_that_runs_is_the_one_that_is_packaged():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


def pages() -> list[str]:
    return [README, *(path.read_text() for path in (ROOT / "docs").rglob("*.md"))]
