"""`python -m ingest run --watch`: a folder that is scanned repeatedly until a signal stops the program."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rag.errors import InvalidInput
from tests.support.commands import read_json, run_command
from tests.support.programs import environment


class Watch:
    """The running program. `out` and `err` are the files that it writes to."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.process = process
        self._out = out
        self._err = err

    def summaries(self) -> list[dict]:
        # The program may be writing the last line.
        whole, _, _ = self._out.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def complaints(self) -> list[str]:
        return [line for line in self._err.read_text().splitlines() if line.startswith("ingest: ")]

    def absences(self) -> list[str]:
        return [line for line in self.complaints() if "There is no file or folder" in line]

    def wait_for(self, what: str, number: int, seconds: float = 120) -> list:
        deadline = time.monotonic() + seconds
        while len(found := getattr(self, what)()) < number:
            assert time.monotonic() < deadline, f"{what} after {seconds} s: {found}\n{self._err.read_text()}"
            assert self.process.poll() is None, self._err.read_text()
            time.sleep(0.05)
        return found


@contextmanager
def watching(data_dir: Path, *arguments: str) -> Iterator[Watch]:
    out, err = data_dir / "watch.out", data_dir / "watch.err"
    command = [sys.executable, "-m", "ingest", "run", *arguments, "--watch", "0.3", "--json"]
    env = environment(data_dir, RAG_PARSING__PROCESSES="1")
    with out.open("wb") as output, err.open("wb") as errors:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=errors)
    try:
        yield Watch(process, out, err)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def location(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("watched") / "documents"


@pytest.fixture
def folder(location) -> Path:
    """Return a folder with two documents. It is the same one for each test, so that `ingested` knows its documents."""
    shutil.rmtree(location, ignore_errors=True)
    location.mkdir()
    for name in ("a", "b"):
        (location / f"{name}.md").write_text(f"# {name}\n\nText of {name}.")
    return location


def put_whole(path: Path, text: str) -> None:
    """Write the file atomically, so that no scan finds half of it."""
    draft = path.parent.with_name("draft")
    draft.write_text(text)
    draft.rename(path)


def documents(data_dir: Path) -> int:
    return read_json("status", data_dir=data_dir)["documents"]


def test_additions_and_deletions_are_ingested_and_a_rejected_or_empty_file_is_not_tried_again(folder, data_dir):
    (folder / "torn.pdf").write_bytes(b"%PDF-1.4 torn")
    (folder / "draft.md").write_text("---\ndraft: true\n---\n")
    with watching(data_dir, str(folder), "--prune") as watch:
        [first] = watch.wait_for("summaries", 1)
        assert (first["new"], len(first["rejected"]), len(first["empty"])) == (2, 1, 1)
        put_whole(folder / "c.md", "# c\n\nText of c.")
        assert watch.wait_for("summaries", 2)[1]["new"] == 1
        (folder / "b.md").unlink()
        assert watch.wait_for("summaries", 3)[2]["removed"] == 1
        time.sleep(2)
        assert len(watch.summaries()) == 3
        # A scan may have read the file at the moment of its deletion.
        assert [line for line in watch.complaints() if "b.md" not in line] == []
        assert documents(data_dir) == 2

        watch.process.send_signal(signal.SIGTERM)
        assert watch.process.wait(60) == 0


def test_a_watch_without_prune_keeps_a_document_whose_file_was_deleted(folder, ingested):
    data_dir = ingested(folder)
    with watching(data_dir, str(folder)) as watch:
        watch.wait_for("summaries", 1)
        (folder / "b.md").unlink()
        put_whole(folder / "c.md", "# c\n\nText of c.")
        second = watch.wait_for("summaries", 2)[1]
        assert (second["new"], second["removed"], documents(data_dir)) == (1, 0, 3)


def test_a_missing_source_is_reported_once_and_loses_no_documents(folder, ingested):
    data_dir, elsewhere = ingested(folder), folder.with_name("elsewhere")
    with watching(data_dir, str(folder), "--prune") as watch:
        watch.wait_for("summaries", 1)
        folder.rename(elsewhere)
        [absence] = watch.wait_for("absences", 1)
        time.sleep(1)
        assert watch.absences() == [absence]
        folder.mkdir()
        time.sleep(1)
        assert documents(data_dir) == 2
        folder.rmdir()
        elsewhere.rename(folder)
        put_whole(folder / "c.md", "# c\n\nText of c.")
        assert watch.wait_for("summaries", 2)[1] | {"seconds": 0} == {
            "new": 1,
            "changed": 0,
            "unchanged": 2,
            "removed": 0,
            "rejected": [],
            "chunks": 1,
            "seconds": 0,
            "empty": [],
            "warnings": [],
            "source_warnings": [],
            "passed_over": 0,
            "passed_over_kinds": {},
        }

        watch.process.send_signal(signal.SIGINT)
        assert watch.process.wait(60) == 0


def test_a_source_that_cannot_be_watched_is_an_error_at_the_start(folder, data_dir):
    for arguments in (["-", "--watch", "1"], [str(folder), "--watch", "0"], [str(folder), "--watch", "1", "--dry-run"]):
        with pytest.raises(InvalidInput, match="--watch"):
            run_command("run", *arguments, data_dir=data_dir)
