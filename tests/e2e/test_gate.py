"""The gate, as CI runs it: open for the system as it is, closed for one that somebody broke."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from evals.gating.baseline import BASELINE, judge, update
from evals.gating.gate import RED
from tests.support.programs import environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory) -> Path:
    """Where they are kept from one run of the gate to the next."""
    return tmp_path_factory.mktemp("vectors") / "kept"


def run_gate(broken: str, data_dir: Path, vectors: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.unit.evals.broken_system", broken, str(vectors), *(arguments or ("gate",))],
        env=environment(data_dir),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def fallen(table: str) -> set[str]:
    return set(re.findall(r"^\| ([^|]+) \|.*(?:fell|not measured) \|$", table, re.MULTILINE))


def test_the_system_as_it_is_passes_and_the_table_is_written(data_dir, vectors, tmp_path):
    run = run_gate("nothing", data_dir, vectors, "gate", "--markdown", str(tmp_path / "table.md"))
    assert run.returncode == 0, run.stdout + run.stderr
    table = (tmp_path / "table.md").read_text()
    assert table.startswith("### The gate is open")
    assert "| what | baseline | now | difference, 95 % interval | verdict |" in table
    assert fallen(table) == set()


@pytest.mark.parametrize(
    ("broken", "falls"),
    [
        ("ranks", {"search: nDCG@10", "search: RR@10"}),
        ("chunks", {"search: nDCG@10", "search: R@5", "quote: citation_recall"}),
        ("prompt", {"prompt: cited", "prompt: citation_recall"}),
        ("numbers", {"prompt: citation_recall"}),
    ],
)
def test_a_broken_system_closes_it(broken, falls, data_dir, vectors):
    run = run_gate(broken, data_dir, vectors)
    assert run.returncode == RED, run.stdout + run.stderr
    assert falls <= fallen(run.stdout)
    if broken in {"prompt", "numbers"}:
        assert all(metric.startswith("prompt: ") for metric in fallen(run.stdout))
    assert "make eval-accept" in run.stdout


def test_easy_questions_that_are_gone_are_no_loss_of_the_others():
    easy, hard = ({f"{kind}{number}": score for number in range(30)} for kind, score in (("easy", 1.0), ("hard", 0.2)))
    accepted = update(None, {"search: R@5": easy | hard}, {}, reason="The first.", date="2026-01-01")
    [verdict] = judge(accepted, {"search: R@5": hard})
    assert (verdict.outcome, verdict.now) == ("held", pytest.approx(0.2))
    assert (verdict.before.value, verdict.difference.mean) == (0.2, 0)
    # And none of the gain either: what is left has become worse.
    [verdict] = judge(accepted, {"search: R@5": {**easy, "easy0": 0.0, "easy1": 0.0, "easy2": 0.0, "easy3": 0.0}})
    assert (verdict.outcome, verdict.before.value) == ("fell", 1)
    [verdict] = judge(accepted, {"search: R@5": {"another": 1.0}})
    assert verdict.outcome == "missing"


def test_a_baseline_is_not_changed_without_a_reason(data_dir, vectors):
    before = BASELINE.read_bytes()
    run = run_gate("nothing", data_dir, vectors, "accept", "  ")
    assert run.returncode == 1
    assert "Say why" in run.stderr
    assert BASELINE.read_bytes() == before
