"""The template: renamed copies work, and the extensions of its guide do what they say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.template import ROOT, commit, copy_project, extensions

pytestmark = pytest.mark.slow

# The longest name that is allowed, so that no line of code becomes too long for any.
_NAME = "acme-document-search"


@pytest.fixture
def copy(tmp_path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    copy_project(folder)
    return folder


def run(copy: Path, *command: str) -> str:
    # An inherited PYTHONPATH would import this project instead of its copy.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def python(copy: Path, *arguments: str) -> str:
    return run(copy, sys.executable, *arguments)


def lint(copy: Path) -> None:
    run(copy, str(ROOT / ".venv/bin/ruff"), "check", ".")
    run(copy, str(ROOT / ".venv/bin/ruff"), "format", "--check", ".")
    run(copy, str(ROOT / ".venv/bin/lint-imports"))


def test_a_format_that_is_added_as_the_guide_shows_is_ingested(copy, tmp_path):
    for edit in extensions()["Add a format"]:
        edit.apply(copy)
    python(copy, "-m", "pytest", "-q", "-n", "0", "tests/consistency/text/test_formats.py")
    film = tmp_path / "film.srt"
    film.write_text("1\n00:00:01,000 --> 00:00:02,000\nOpen the valve.\n")
    parse = (
        "import sys; from pathlib import Path; from ingest.parsing.factory import parse\n"
        "from rag.formats import media_type_of; from rag.types import RawDocument\n"
        "body = Path(sys.argv[1]).read_bytes()\n"
        "raw = RawDocument(id='film', uri=sys.argv[1], media_type=media_type_of(sys.argv[1]), body=body)\n"
        "print([section.text for section in parse(raw, version='1').sections])"
    )
    assert python(copy, "-c", parse, str(film)) == "['Open the valve.']\n"


def test_the_code_of_all_extensions_together_passes_the_linters(copy):
    for edits in extensions().values():
        for edit in edits:
            edit.apply(copy)
    lint(copy)


@pytest.mark.nightly
def test_a_metric_that_is_added_as_the_guide_shows_is_observed_and_has_a_panel(copy):
    for edit in extensions()["Add a metric with a panel"]:
        edit.apply(copy)
    python(copy, "-m", "dashboards")
    assert "Characters per question" in (copy / "dashboards" / "grafana" / "retrieval.json").read_text()
    python(copy, "-m", "tests.support.reference")
    assert "rag_question_characters" in (copy / "docs" / "reference" / "metrics.md").read_text()
    tests = ("tests/consistency/telemetry/test_dashboards.py", "tests/unit/service/retrieval/test_retriever.py")
    python(copy, "-m", "pytest", "-q", "-n", "0", *tests)


@pytest.mark.nightly  # `make check-template`, a job of each pull request, does this and runs the unit tests there.
def test_a_renamed_copy_is_complete_and_a_second_run_changes_nothing(copy):
    run(copy, "make", "template", f"NAME={_NAME}")
    commit(copy, "Start from the template")
    left = subprocess.run(
        ["git", "grep", "-il", "groundwork", "--", ":!ingest/migration/golden", ":!evals/answers/golden"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    # The script and its guide name the upstream; baselines are of the golden set.
    assert [
        name for name in left if not name.startswith(("deploy/template.py", "docs/template.md", "evals/gating/"))
    ] == []
    assert not (copy / "research").exists()
    run(copy, "make", "template", f"NAME={_NAME}")
    assert run(copy, "git", "status", "--porcelain") == ""
    lint(copy)
    quick = ("tests/unit/ingest/migration/test_embedder_checks.py", "tests/consistency/text/test_docs.py")
    python(copy, "-m", "pytest", "-q", "-n", "0", *quick)
    assert "Acme Document Search" in python(copy, "-m", "service", "--help") + (copy / "README.md").read_text()
