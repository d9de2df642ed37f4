"""The gate as CI runs it: it opens for the current system and closes for a system with a defect."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evals.answers.gold import OWN_DOCUMENTS
from evals.gating.baseline import BASELINE, judge, update
from evals.gating.gate import RED, accept
from rag.errors import InvalidInput
from service.settings import Settings
from tests.e2e.evals.broken_system import cached_vectors
from tests.support.programs import environment

ROOT = Path(__file__).parents[3]
# The first test of the own set also makes its baseline, so it waits for two runs of the gate.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory) -> Path:
    """Return the file that caches vectors between runs of the gate."""
    return tmp_path_factory.mktemp("vectors") / "kept"


def run_gate(defect: str, data_dir: Path, vectors: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.e2e.evals.broken_system", defect, str(vectors), *(arguments or ("gate",))],
        env=environment(data_dir),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def fallen(table: str) -> set[str]:
    return set(re.findall(r"^\| ([^|]+) \|.*(?:fell|not measured) \|$", table, re.MULTILINE))


@pytest.mark.nightly  # `make gate` does the same, and runs for each pull request.
def test_the_gate_opens_for_the_current_system_and_writes_its_table(data_dir, vectors, tmp_path):
    run = run_gate("nothing", data_dir, vectors, "gate", "--markdown", str(tmp_path / "table.md"))
    assert run.returncode == 0, run.stdout + run.stderr
    table = (tmp_path / "table.md").read_text()
    assert table.startswith("### The gate is open")
    assert "| metric | baseline | now | difference, 95 % interval | verdict |" in table
    assert fallen(table) == set()


@pytest.fixture(scope="module")
def decisions(tmp_path_factory) -> Path:
    """Return a set of a team's own: the golden questions that the first ADRs answer, which are few and short."""
    folder = tmp_path_factory.mktemp("gate") / "decisions"
    shutil.copytree(OWN_DOCUMENTS / "docs" / "adr", folder / "documents" / "docs" / "adr", ignore=all_but_the_first)
    lines = (OWN_DOCUMENTS.parent / "questions.jsonl").read_text().splitlines(keepends=True)
    (folder / "questions.jsonl").write_text("".join(line for line in lines if is_about_decisions(json.loads(line))))
    return folder


def all_but_the_first(_: str, names: list[str]) -> list[str]:
    return [name for name in names if not re.match(r"00(0\d|1[0-3])-", name)]


def is_about_decisions(question: dict[str, Any]) -> bool:
    documents = {passage["document"] for passage in question["passages"]}
    return bool(documents) and all(document.startswith("docs/adr/") for document in documents)


@pytest.fixture(scope="module")
def accepted(decisions, vectors, onnx_models, tmp_path_factory) -> Path:
    """Return the set with the baseline of the current system."""
    data_dir = tmp_path_factory.mktemp("data")
    (data_dir / "models").symlink_to(onnx_models)
    with cached_vectors(vectors):
        accept(Settings(data_dir=data_dir), "The first baseline", questions=decisions)
    return decisions


@pytest.mark.parametrize(
    ("broken", "falls"),
    [
        # One run for three defects, because each changes other metrics: those of search, of prompts and of quotes.
        (
            "ranks+numbers+selector",
            {
                *("search: nDCG@10", "search: RR@10", "prompt: citation_recall"),
                *("manuals: right", "manuals: not_misleading", "manuals: sentence_f1"),
            },
        ),
        ("chunks", {"search: nDCG@10", "search: R@5", "quote: citation_recall"}),
        pytest.param(*("prompt", {"prompt: cited", "prompt: citation_recall"}), marks=pytest.mark.nightly),
    ],
)
def test_the_gate_of_an_own_set_closes_for_a_defect(broken, falls, data_dir, vectors, accepted):
    run = run_gate(broken, data_dir, vectors, "gate", "--questions", str(accepted))
    assert run.returncode == RED, run.stdout + run.stderr
    assert falls <= fallen(run.stdout)
    if broken == "prompt":
        assert all(metric.startswith("prompt: ") for metric in fallen(run.stdout))
    assert "make eval-accept" in run.stdout


@pytest.mark.nightly
def test_the_gate_closes_for_a_broken_selector(data_dir, vectors):
    run = run_gate("selector", data_dir, vectors)
    assert run.returncode == RED, run.stdout + run.stderr
    assert {"manuals: right", "manuals: not_misleading", "manuals: sentence_f1"} <= fallen(run.stdout)


def test_removed_easy_questions_do_not_lower_the_result_of_the_others():
    easy, hard = ({f"{kind}{number}": score for number in range(30)} for kind, score in (("easy", 1.0), ("hard", 0.2)))
    before = update(None, {"search: R@5": easy | hard}, {}, reason="The first.", date="2026-01-01")
    [verdict] = judge(before, {"search: R@5": hard})
    assert (verdict.outcome, verdict.now) == ("held", pytest.approx(0.2))
    assert (verdict.before.value, verdict.difference.mean) == (0.2, 0)
    # Removed hard questions do not hide that the remaining ones became worse.
    [verdict] = judge(before, {"search: R@5": {**easy, "easy0": 0.0, "easy1": 0.0, "easy2": 0.0, "easy3": 0.0}})
    assert (verdict.outcome, verdict.before.value) == ("fell", 1)
    [verdict] = judge(before, {"search: R@5": {"another": 1.0}})
    assert verdict.outcome == "missing"


def test_a_baseline_is_not_replaced_without_a_reason():
    before = BASELINE.read_bytes()
    with pytest.raises(InvalidInput, match="Say why"):
        accept(Settings(), "  ")
    assert BASELINE.read_bytes() == before
