"""`make run` in folders and environments of other people. Its programs are replaced by one that records its calls."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_RECORDER = f"""#!{sys.executable}
import json, os, sys
with open("calls.jsonl", "a") as calls:
    calls.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
sys.exit(int(os.environ.get("STATUS_" + sys.argv[3].strip("-").upper() if len(sys.argv) > 3 else "", "0")))
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    """Return a folder, with an unusual name, in which everything seems to be installed."""
    folder = tmp_path / "a folder, 100 % für uns"
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(_ROOT / "Makefile", folder)
    for name in ("pyproject.toml", "constraints.txt", ".venv/bin/uv", ".venv/.ready"):
        (folder / name).touch()
    python = folder / ".venv" / "bin" / "python"
    python.write_text(_RECORDER)
    python.chmod(0o755)
    return folder


def make_run(checkout: Path, *arguments: str, **variables: str) -> tuple[int, list[tuple[list[str], dict[str, str]]]]:
    """Return the exit status of make, and arguments and environment of each call of Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "RAG_"))}
    done = subprocess.run(
        ["make", "run", *arguments], cwd=checkout, env=kept | variables, capture_output=True, text=True, check=False
    )
    calls = (checkout / "calls.jsonl").read_text().splitlines()
    return done.returncode, [tuple(json.loads(call)) for call in calls]


def test_settings_and_port_are_checked_before_the_long_work(checkout):
    status, calls = make_run(checkout)
    assert status == 0
    assert [arguments for arguments, _ in calls] == [
        ["-m", "service", "--check"],
        ["-m", "ingest", "export"],
        ["-m", "ingest", "run", "--", "docs"],
        ["-m", "service"],
    ]
    (checkout / "calls.jsonl").unlink()
    status, calls = make_run(checkout, STATUS_CHECK="1")
    assert (status, len(calls)) == (2, 1)


@pytest.mark.parametrize(
    "docs", ["my docs", '~/it\'s "quoted"', "-start", "crawl:https://example.org/?a=1&b=2", "*.md"]
)
def test_the_documents_are_one_source_whatever_characters_it_has(checkout, docs):
    _, calls = make_run(checkout, f"DOCS={docs}")
    assert ["-m", "ingest", "run", "--", docs] in [arguments for arguments, _ in calls]


@pytest.mark.parametrize(("ingested", "status"), [("1", 2), ("130", 2), ("3", 0)])
def test_only_single_rejected_documents_let_it_go_on(checkout, ingested, status):
    returned, calls = make_run(checkout, STATUS_RUN=ingested)
    assert returned == status
    assert (["-m", "service"] in [arguments for arguments, _ in calls]) == (status == 0)


def test_it_sets_no_variable_that_would_override_the_env_file(checkout):
    _, calls = make_run(checkout, PYTHONSAFEPATH="1")
    for _, environment in calls:
        assert not [name for name in environment if name.startswith("RAG_")]
        assert "PYTHONSAFEPATH" not in environment
