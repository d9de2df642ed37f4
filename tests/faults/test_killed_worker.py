"""Killed workers: at the end every document is stored exactly once and completely, and nothing else is."""

import asyncio
import os
import random
import signal
import time
from pathlib import Path

import pytest

from rag.inbox.folder.inbox import FolderInbox
from tests.support.commands import read_json, run_command
from tests.support.verdict import SCOPE, require_each_once, stored
from tests.support.workers import (
    start_worker,
    wait_until_at_work,
    wait_until_settled,
    work_until_settled,
)

# `make faults` kills a hundred times over 500 documents.
_KILLS = int(os.environ.get("TEST_KILLS", "2"))
_DOCUMENTS = 5 * _KILLS
_STUB_BYTES = 500


@pytest.fixture
def documents(tmp_path) -> Path:
    """Real documents if a data set is there, else generated ones; short, so a worker finishes some between kills."""
    folder = tmp_path / "documents"
    folder.mkdir()
    data = os.environ.get("TEST_DATA")
    real = [path for path in (Path(data) / "docs").rglob("*") if path.suffix in {".md", ".rst"}] if data else []
    # The shortest files are stubs without text, which are rejected.
    with_text = [path for path in real if path.stat().st_size > _STUB_BYTES]
    short = sorted(with_text, key=lambda path: (path.stat().st_size, path.name))
    for number, path in enumerate(short[:_DOCUMENTS]):
        (folder / f"{number}{path.suffix}").write_bytes(path.read_bytes())
    for number in range(len(list(folder.iterdir())), _DOCUMENTS):
        text = f"# Part {number}\n\n" + f"Sentence {number} about pumps and valves. " * 60
        (folder / f"{number}.md").write_text(text)
    return folder


def test_a_worker_killed_at_random_moments_neither_loses_nor_duplicates_documents(data_dir, documents):
    run_command("enqueue", str(documents), data_dir=data_dir)
    moments = random.Random(7)
    for kill in range(1, _KILLS + 1):
        worker = start_worker(data_dir)
        # Every fifth kill may hit the start of a worker, the others hit it at work: a start takes seconds.
        if kill % 5:
            wait_until_at_work(data_dir)
        time.sleep(moments.uniform(0, 3))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        stored(data_dir)
    work_until_settled(data_dir)
    require_each_once(data_dir, _DOCUMENTS)
    result = read_json("run", str(documents), data_dir=data_dir)
    assert (result["new"], result["changed"]) == (0, 0)


def test_a_worker_continues_when_another_one_with_the_same_inbox_is_killed(data_dir, documents):
    run_command("enqueue", str(documents), data_dir=data_dir)
    workers = [start_worker(data_dir) for _ in range(2)]
    try:
        wait_until_at_work(data_dir)
        # A worker's folder is named after its process. Only one worker at a time writes the embedded store.
        [claimed] = [path for path in (data_dir / "inbox" / "processing").iterdir() if any(path.iterdir())]
        os.kill(int(claimed.name.partition("-")[0]), signal.SIGKILL)
        wait_until_settled(data_dir)
        assert sorted(worker.poll() is None for worker in workers) == [False, True]
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait(60)
    require_each_once(data_dir, _DOCUMENTS)


def test_a_document_that_changes_during_ingestion_ends_in_its_last_state(data_dir, documents):
    worker = start_worker(data_dir)
    try:
        for state in range(4):
            changed = [documents / name for name in ("first.md", "second.md")]
            for path in changed:
                path.write_text(f"# State {state}\n\n" + f"Number {state} of {path.name}. " * 100)
            run_command("enqueue", *map(str, changed if state else [documents]), data_dir=data_dir)
            wait_until_at_work(data_dir)
        wait_until_settled(data_dir)
    finally:
        worker.terminate()
        worker.wait(60)
    require_each_once(data_dir, _DOCUMENTS + 2)
    chunks = [chunk for chunk in stored(data_dir) if chunk.uri.endswith(("/first.md", "/second.md"))]
    assert {chunk.title for chunk in chunks} == {"State 3"}


def test_a_terminated_worker_finishes_the_documents_in_progress_or_returns_them_to_the_inbox(data_dir, documents):
    run_command("enqueue", str(documents), data_dir=data_dir)
    late = _terminate_at_work(data_dir, drain_seconds=0)
    assert late
    # A document that is stored but not acknowledged returns too. It is ingested again and found unchanged.
    assert len(_ingested(data_dir) | late) == _DOCUMENTS
    # The drain time is long, because on a busy machine the claimed documents take longer than the default.
    queued = _terminate_at_work(data_dir, drain_seconds=300)
    assert queued < late
    assert len(_ingested(data_dir)) + len(queued) == _DOCUMENTS
    work_until_settled(data_dir)
    require_each_once(data_dir, _DOCUMENTS)


def _terminate_at_work(data_dir: Path, *, drain_seconds: float) -> set[str]:
    """Terminate a working worker and return the documents that are queued then; none may stay claimed."""
    worker = start_worker(data_dir, RAG_WORKER_DRAIN_SECONDS=str(drain_seconds))
    wait_until_at_work(data_dir)
    worker.terminate()
    assert worker.wait(drain_seconds + 180) == 0
    entries = asyncio.run(FolderInbox(data_dir / "inbox").progress(SCOPE))
    assert {entry.state for entry in entries} <= {"queued"}
    return {entry.document_id for entry in entries}


def _ingested(data_dir: Path) -> set[str]:
    return {chunk.document_id for chunk in stored(data_dir)}
