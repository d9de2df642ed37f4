"""The commands of `python -m ingest`, as an operator runs them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import environment, ingest
from tests.support.waiting import wait_until

# `make faults` ingests ten thousand.
_MANY = 10_000 if os.environ.get("TEST_KILLS") else 2_000
PAGE = "# Page {n}\n\nThis page is about subject number {n}."


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    for n in range(3):
        (folder / f"page{n}.md").write_text(PAGE.format(n=n))
    return folder


def summary(*arguments: str, data_dir, **settings: str) -> dict:
    run = ingest("run", *arguments, "--json", data_dir=data_dir, **settings)
    assert run.returncode in {0, 3}, run.stderr
    return json.loads(run.stdout)


def test_a_strict_run_fails_for_a_document_with_gaps_also_when_it_is_unchanged(folder, data_dir):
    whole = ingest("run", str(folder), "--strict", data_dir=data_dir)
    # Neither UTF-8 nor one of the encodings that a browser knows has this byte.
    (folder / "damaged.md").write_bytes("Grüße aus Köln, ".encode() * 40 + b"\xff")
    runs = [ingest("run", str(folder), "--strict", data_dir=data_dir) for _ in range(2)]
    lenient = ingest("run", str(folder), data_dir=data_dir)
    assert [whole.returncode, *(run.returncode for run in runs), lenient.returncode] == [0, 4, 4, 0]
    assert all("damaged.md: " in run.stdout and "1 ready with gaps: " in run.stdout for run in (*runs, lenient))
    assert "exclude each other" in ingest("run", str(folder), "--strict", "--watch", "9", data_dir=data_dir).stderr


def test_a_document_that_loses_all_text_is_empty_and_no_longer_found(folder, data_dir):
    summary(str(folder), data_dir=data_dir)
    (folder / "page1.md").write_text("---\ndraft: true\n---\n")
    run = ingest("run", str(folder), data_dir=data_dir)
    assert (run.returncode, "2 unchanged, 0 rejected, 1 empty" in run.stdout) == (0, True)
    assert json.loads(ingest("status", "--json", data_dir=data_dir).stdout)["documents"] == 2


def test_unchanged_documents_are_checked_without_loading_the_model(folder, data_dir):
    first = summary(str(folder), data_dir=data_dir)
    without_model(data_dir)
    again = summary(str(folder), data_dir=data_dir, RAG_EMBEDDER__RUNTIME="onnx")
    planned = ingest("run", str(folder), "--dry-run", data_dir=data_dir, RAG_EMBEDDER__RUNTIME="onnx")
    assert (first["new"], first["unchanged"], first["chunks"]) == (3, 0, 3)
    assert (again["new"], again["unchanged"], again["chunks"]) == (0, 3, 0)
    assert planned.returncode == 0
    assert "3 unchanged" in planned.stdout


def without_model(data_dir: Path) -> None:
    """Replace the model by a file that cannot be loaded."""
    [model] = (data_dir / "models").glob("*.onnx")
    (data_dir / "models").unlink()
    (data_dir / "models").mkdir()
    (data_dir / "models" / model.name).write_bytes(b"no model")


def test_a_run_counts_new_changed_and_unchanged_documents(folder, data_dir):
    summary(str(folder), data_dir=data_dir)
    (folder / "page1.md").write_text("# Page 1\n\nRewritten.")
    (folder / "page9.md").write_text("# Page 9\n\nAdded.")
    again = summary(str(folder), data_dir=data_dir)
    assert (again["new"], again["changed"], again["unchanged"]) == (1, 1, 2)


def test_only_prune_removes_documents_whose_file_was_deleted(folder, data_dir):
    summary(str(folder), data_dir=data_dir)
    (folder / "page1.md").unlink()
    assert summary(str(folder), data_dir=data_dir)["removed"] == 0
    assert summary(str(folder), "--prune", data_dir=data_dir)["removed"] == 1
    assert json.loads(ingest("status", "--json", data_dir=data_dir).stdout)["documents"] == 2


def test_a_watched_folder_is_ingested_again_when_it_changes(folder, data_dir):
    command = [sys.executable, "-m", "ingest", "run", str(folder), "--watch", "0.5", "--json"]
    process = subprocess.Popen(command, env=environment(data_dir), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["new"] == 3
        (folder / "page9.md").write_text("# Page 9\n\nAdded.")
        assert any(json.loads(process.stdout.readline())["new"] == 1 for _ in range(5))
    finally:
        process.kill()
        process.wait()


def test_a_worker_ingests_the_queue_and_broken_documents_become_dead_letters(folder, data_dir):
    (folder / "torn.pdf").write_bytes(b"%PDF-1.4 torn")
    assert ingest("enqueue", str(folder), data_dir=data_dir).returncode == 0
    assert json.loads(ingest("status", "--json", data_dir=data_dir).stdout)["queued"] == 4
    worker = subprocess.Popen([sys.executable, "-m", "ingest", "worker"], env=environment(data_dir))
    seen: list[dict] = []

    def is_ingested() -> bool:
        seen.append(json.loads(ingest("status", "--json", data_dir=data_dir).stdout))
        return seen[-1]["queued"] + seen[-1]["processing"] == 0

    try:
        wait_until(is_ingested, describe=lambda: str(seen[-1]))
    finally:
        worker.terminate()
        worker.wait(60)
    assert (seen[-1]["documents"], seen[-1]["dead"]) == (3, 1)
    assert "torn.pdf" in ingest("dead-letter", "show", "all", data_dir=data_dir).stdout
    assert ingest("dead-letter", "replay", "all", data_dir=data_dir).stdout == "1 replayed\n"
    assert ingest("dead-letter", "list", data_dir=data_dir).stdout == "No dead letters.\n"


def test_a_dry_run_reports_its_plan_and_writes_nothing(folder, data_dir):
    run = ingest("run", str(folder), "--dry-run", data_dir=data_dir)
    assert run.returncode == 0
    assert "3 new" in run.stdout
    assert "nothing was written" in run.stdout
    assert not (data_dir / "store").exists()


def test_files_of_other_types_are_counted_and_folders_without_documents_are_named(folder, tmp_path, data_dir):
    for name in ("photo.jpg", "film.mp4", ".hidden.png", "Brewfile"):
        (folder / name).write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "photo.jpg").write_text("x")
    for _ in range(2):
        text = ingest("run", str(folder), str(tmp_path / "empty"), "--ignore", "Brewfile", data_dir=data_dir)
        assert text.returncode == 0
        assert text.stdout.endswith("\npassed over: 2 .jpg, 1 .mp4, 1 hidden, 1 ignored\n")
        assert f"nothing in {tmp_path / 'empty'}: no Markdown" in text.stdout
        assert f"nothing in {folder}" not in text.stdout
    planned = ingest("run", str(tmp_path / "empty"), "--dry-run", data_dir=data_dir)
    assert "nothing in" in planned.stdout
    result = summary(str(folder), "--verbose", data_dir=data_dir)
    assert result["passed_over"] == 4
    assert result["passed_over_kinds"] == {".jpg": 1, ".mp4": 1, "hidden": 1, "without suffix": 1}
    assert result["passed_over_names"]["hidden"] == [(folder / ".hidden.png").as_uri()]


def test_prune_keeps_only_what_a_broken_link_hides_and_says_so(folder, tmp_path, data_dir):
    other = tmp_path / "other disk"
    other.mkdir()
    (other / "far.md").write_text(PAGE.format(n=7))
    (folder / "shelf").symlink_to(other, target_is_directory=True)
    assert summary(str(folder), data_dir=data_dir)["new"] == 4
    other.rename(tmp_path / "unmounted")
    (folder / "page1.md").unlink()

    planned = summary(str(folder), "--prune", "--dry-run", data_dir=data_dir)
    result = summary(str(folder), "--prune", data_dir=data_dir)

    assert planned["removed"] == result["removed"] == 1
    warnings = {warning["code"]: (warning["count"], warning["names"]) for warning in result["source_warnings"]}
    assert warnings == {
        "unlisted": (1, [(folder / "shelf").as_uri()]),
        "prune_skipped": (1, [(folder / "shelf" / "far.md").as_uri()]),
    }


def test_rejected_files_are_listed_with_reasons_and_empty_ones_are_counted(folder, data_dir):
    (folder / "junk.md").write_bytes(bytes(range(256)) * 20)
    (folder / "empty.txt").write_text("  \n")
    (folder / "torn.pdf").write_bytes(b"%PDF-1.4 torn")
    run = ingest("run", str(folder), data_dir=data_dir)
    assert run.returncode == 3
    assert "6 documents: 3 new, 0 changed, 0 unchanged, 2 rejected, 1 empty" in run.stdout
    for name in ("junk.md", "torn.pdf"):
        [line] = [line for line in run.stdout.splitlines() if name in line]
        assert len(line.split(": ", 1)[1]) > 3


def test_thousands_of_files_are_ingested_and_three_bad_ones_named(tmp_path, data_dir):
    folder = tmp_path / "many"
    for n in range(100):
        (folder / str(n)).mkdir(parents=True)
    for n in range(_MANY):
        (folder / str(n % 100) / f"{n}.md").write_text(f"Note {n}.")
    for name in ("17/17.md", "50/1050.md", "99/99.md"):
        (folder / name).write_bytes(b"\x00\x01\x02" * 50)
    run = ingest("run", str(folder), "--json", data_dir=data_dir)
    result = json.loads(run.stdout)
    assert run.returncode == 3
    assert result["new"] == _MANY - 3
    assert sorted(rejected["uri"].rsplit("/", 1)[1] for rejected in result["rejected"]) == ["1050.md", "17.md", "99.md"]


def test_prune_keeps_the_documents_of_a_folder_that_became_empty(folder, data_dir):
    summary(str(folder), data_dir=data_dir)
    for path in folder.iterdir():
        path.unlink()
    result = summary(str(folder), "--prune", data_dir=data_dir)
    assert result["removed"] == 0
    [rejected] = result["rejected"]
    assert "its 3 stored documents were not removed" in rejected["reason"]


def test_a_missing_path_is_a_one_line_error_and_nothing_is_written(data_dir):
    run = ingest("run", "no/such/folder", data_dir=data_dir)
    assert run.returncode == 1
    assert run.stderr.startswith("ingest: ")
    assert "no/such/folder" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (data_dir / "store" / "current").exists()


def test_a_second_writer_is_told_the_process_of_the_first(folder, data_dir):
    program = f"""
import time
from pathlib import Path
from rag.store.edge.revisions import Revisions
with Revisions(Path({str(data_dir / "store")!r})).write_lock():
    print("held", flush=True)
    time.sleep(600)
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment(data_dir),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        run = ingest("run", str(folder), data_dir=data_dir)
        assert run.returncode == 1
        assert f"process {holder.pid}" in run.stderr
        assert "Traceback" not in run.stderr
    finally:
        holder.kill()
        holder.wait()


def test_an_invalid_setting_is_an_error_that_names_its_variable(folder, data_dir):
    run = ingest("run", str(folder), data_dir=data_dir, RAG_LOG_LEVEL="loud")
    assert run.returncode == 1
    assert "RAG_LOG_LEVEL" in run.stderr
    assert "Traceback" not in run.stderr


def test_weights_with_a_wrong_hash_are_refused(folder, data_dir):
    run = ingest("run", str(folder), data_dir=data_dir, RAG_EMBEDDER__SHA256="0" * 64)
    assert run.returncode == 1
    assert "RAG_EMBEDDER__SHA256" in run.stderr
    assert "Traceback" not in run.stderr


def test_output_without_a_terminal_has_no_escape_sequences(folder, data_dir):
    run = ingest("run", str(folder), data_dir=data_dir)
    assert "\x1b" not in run.stdout + run.stderr
    assert "3 documents: 3 new" in run.stdout


def test_a_run_after_a_killed_run_completes_the_collection(tmp_path, data_dir):
    folder = tmp_path / "slow"
    folder.mkdir()
    for n in range(60):
        (folder / f"{n}.md").write_text(f"# Part {n}\n\n" + f"Sentence number {n} about many things. " * 25)
    # The process dies after it has written twenty documents and before it publishes.
    command = [
        sys.executable,
        "-m",
        "tests.support.fakes.mortal",
        "rag/store/edge/store.py:commit",
        "20",
        "run",
        str(folder),
    ]
    killed = subprocess.run(command, env=environment(data_dir), capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert summary(str(folder), data_dir=data_dir)["new"] == 60
    assert summary(str(folder), data_dir=data_dir)["unchanged"] == 60
