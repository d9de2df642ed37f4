"""`python -m ingest run`, as an operator uses it: counts, warnings, pruning, and runs that fail or are killed."""

import os
import shutil
from pathlib import Path

import pytest

from rag.errors import InvalidInput, Misconfigured
from rag.store.edge.revisions import Revisions
from tests.support.commands import read_json, run_command
from tests.support.fakes.mortal import run_until_killed
from tests.support.programs import ingest

# `make faults` ingests ten thousand.
_MANY = 10_000 if os.environ.get("TEST_KILLS") else 400
PAGE = "# Page {n}\n\nThis page is about subject number {n}."


@pytest.fixture(scope="module")
def location(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("documents")


@pytest.fixture
def folder(location) -> Path:
    """Return a folder with three pages. It is the same one for each test, so that `ingested` knows its documents."""
    shutil.rmtree(location)
    location.mkdir()
    for n in range(3):
        (location / f"page{n}.md").write_text(PAGE.format(n=n))
    return location


@pytest.fixture
def filled(ingested, folder) -> Path:
    """Return a data directory with the documents of the folder."""
    return ingested(folder)


def test_rejected_files_are_listed_with_reasons_and_empty_ones_are_counted(folder, data_dir):
    (folder / "junk.md").write_bytes(bytes(range(256)) * 20)
    (folder / "empty.txt").write_text("  \n")
    (folder / "torn.pdf").write_bytes(b"%PDF-1.4 torn")
    run = ingest("run", str(folder), data_dir=data_dir, RAG_PARSING__PROCESSES="1")
    assert run.returncode == 3
    assert "6 documents: 3 new, 0 changed, 0 unchanged, 2 rejected, 1 empty" in run.stdout
    for name in ("junk.md", "torn.pdf"):
        [line] = [line for line in run.stdout.splitlines() if name in line]
        assert len(line.split(": ", 1)[1]) > 3
    # The output is not a terminal.
    assert "\x1b" not in run.stdout + run.stderr


def test_a_run_counts_new_changed_unchanged_and_emptied_documents(folder, filled):
    (folder / "page1.md").write_text("# Page 1\n\nRewritten.")
    (folder / "page2.md").write_text("---\ndraft: true\n---\n")
    (folder / "page9.md").write_text("# Page 9\n\nAdded.")
    status, output = run_command("run", str(folder), data_dir=filled)
    assert (status, output.splitlines()[0]) == (0, "4 documents: 1 new, 1 changed, 1 unchanged, 0 rejected, 1 empty")
    # The document that lost its text was removed.
    assert read_json("status", data_dir=filled)["documents"] == 3


def test_unchanged_documents_are_checked_without_loading_the_model(folder, filled):
    stored = read_json("status", data_dir=filled)
    without_model(filled)
    again = read_json("run", str(folder), data_dir=filled, embedder={"runtime": "onnx"})
    planned = run_command("run", str(folder), "--dry-run", data_dir=filled, embedder={"runtime": "onnx"})
    assert (stored["documents"], stored["chunks"]) == (3, 3)
    assert (again["new"], again["unchanged"], again["chunks"]) == (0, 3, 0)
    assert planned[0] == 0
    assert "3 unchanged" in planned[1]


def without_model(data_dir: Path) -> None:
    """Replace the model by a file that cannot be loaded."""
    [model] = (data_dir / "models").glob("*.onnx")
    (data_dir / "models").unlink()
    (data_dir / "models").mkdir()
    (data_dir / "models" / model.name).write_bytes(b"no model")


def test_a_strict_run_fails_for_a_document_with_gaps_also_when_it_is_unchanged(folder, filled):
    whole, _ = run_command("run", str(folder), "--strict", data_dir=filled)
    # Neither UTF-8 nor one of the encodings that a browser knows has this byte.
    (folder / "damaged.md").write_bytes("Grüße aus Köln, ".encode() * 40 + b"\xff")
    runs = [run_command("run", str(folder), *strict, data_dir=filled) for strict in (["--strict"], ["--strict"], [])]
    assert [whole, *(status for status, _ in runs)] == [0, 4, 4, 0]
    assert all("damaged.md: " in output and "1 ready with gaps: " in output for _, output in runs)
    with pytest.raises(InvalidInput, match="exclude each other"):
        run_command("run", str(folder), "--strict", "--watch", "9", data_dir=filled)


def test_a_dry_run_reports_its_plan_and_writes_nothing(folder, data_dir):
    status, output = run_command("run", str(folder), "--dry-run", data_dir=data_dir)
    assert status == 0
    assert "3 new" in output
    assert "nothing was written" in output
    assert not (data_dir / "store").exists()


def test_files_of_other_types_are_counted_and_folders_without_documents_are_named(folder, tmp_path, filled):
    for name in ("photo.jpg", "film.mp4", ".hidden.png", "Brewfile"):
        (folder / name).write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "photo.jpg").write_text("x")
    status, output = run_command("run", str(folder), str(tmp_path / "empty"), "--ignore", "Brewfile", data_dir=filled)
    assert status == 0
    assert output.endswith("\npassed over: 2 .jpg, 1 .mp4, 1 hidden, 1 ignored\n")
    assert f"nothing in {tmp_path / 'empty'}: no Markdown" in output
    assert f"nothing in {folder}" not in output
    _, planned = run_command("run", str(tmp_path / "empty"), "--dry-run", data_dir=filled)
    assert "nothing in" in planned
    result = read_json("run", str(folder), "--verbose", data_dir=filled)
    assert result["passed_over"] == 4
    assert result["passed_over_kinds"] == {".jpg": 1, ".mp4": 1, "hidden": 1, "without suffix": 1}
    assert result["passed_over_names"]["hidden"] == [(folder / ".hidden.png").as_uri()]


def test_only_prune_removes_documents_whose_file_was_deleted(folder, filled):
    (folder / "page1.md").unlink()
    assert read_json("run", str(folder), data_dir=filled)["removed"] == 0
    assert read_json("run", str(folder), "--prune", data_dir=filled)["removed"] == 1
    assert read_json("status", data_dir=filled)["documents"] == 2


def test_prune_keeps_only_what_a_broken_link_hides_and_says_so(folder, tmp_path, filled):
    other = tmp_path / "other disk"
    other.mkdir()
    (other / "far.md").write_text(PAGE.format(n=7))
    (folder / "shelf").symlink_to(other, target_is_directory=True)
    assert read_json("run", str(folder), data_dir=filled)["new"] == 1
    other.rename(tmp_path / "unmounted")
    (folder / "page1.md").unlink()

    planned = read_json("run", str(folder), "--prune", "--dry-run", data_dir=filled)
    result = read_json("run", str(folder), "--prune", data_dir=filled)

    assert planned["removed"] == result["removed"] == 1
    warnings = {warning["code"]: (warning["count"], warning["names"]) for warning in result["source_warnings"]}
    assert warnings == {
        "unlisted": (1, [(folder / "shelf").as_uri()]),
        "prune_skipped": (1, [(folder / "shelf" / "far.md").as_uri()]),
    }


def test_prune_keeps_the_documents_of_a_folder_that_became_empty(folder, filled):
    for path in folder.iterdir():
        path.unlink()
    result = read_json("run", str(folder), "--prune", data_dir=filled)
    assert result["removed"] == 0
    [rejected] = result["rejected"]
    assert "its 3 stored documents were not removed" in rejected["reason"]


def test_many_files_are_ingested_and_three_bad_ones_named(tmp_path, data_dir):
    folder = tmp_path / "many"
    for n in range(100):
        (folder / str(n)).mkdir(parents=True)
    for n in range(_MANY):
        (folder / str(n % 100) / f"{n}.md").write_text(f"Note {n}.")
    for name in ("17/17.md", "50/250.md", "99/99.md"):
        (folder / name).write_bytes(b"\x00\x01\x02" * 50)
    # With two parser processes, as an operator has.
    result = read_json("run", str(folder), data_dir=data_dir, parsing={})
    assert result["new"] == _MANY - 3
    assert sorted(rejected["uri"].rsplit("/", 1)[1] for rejected in result["rejected"]) == ["17.md", "250.md", "99.md"]


def test_a_missing_path_is_a_one_line_error_and_nothing_is_written(data_dir):
    run = ingest("run", "no/such/folder", data_dir=data_dir)
    assert run.returncode == 1
    assert run.stderr.startswith("ingest: ")
    assert "no/such/folder" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (data_dir / "store" / "current").exists()


def test_a_second_writer_is_told_the_process_of_the_first(folder, data_dir):
    with Revisions(data_dir / "store").write_lock():
        run = ingest("run", str(folder), data_dir=data_dir)
    assert run.returncode == 1
    assert f"process {os.getpid()}" in run.stderr
    assert "Traceback" not in run.stderr


def test_weights_with_a_wrong_hash_are_refused(folder, data_dir):
    with pytest.raises(Misconfigured, match="RAG_EMBEDDER__SHA256"):
        run_command("run", str(folder), data_dir=data_dir, embedder={"sha256": "0" * 64})


def test_a_run_after_a_killed_run_completes_the_collection(tmp_path, data_dir):
    folder = tmp_path / "slow"
    folder.mkdir()
    for n in range(20):
        (folder / f"{n}.md").write_text(f"# Part {n}\n\nSentence number {n} about many things.")
    # The process dies after it has written eight documents and before it publishes.
    place = "rag/store/edge/store.py:commit"
    run_until_killed(data_dir, place, 8, "run", str(folder), RAG_PARSING__PROCESSES="1")
    assert read_json("run", str(folder), data_dir=data_dir)["new"] == 20
    assert read_json("run", str(folder), data_dir=data_dir)["unchanged"] == 20
