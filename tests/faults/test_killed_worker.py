"""Killed workers: at the end every document is stored exactly once and completely, and nothing else is."""

import asyncio
import os
import random
import signal
import time
from pathlib import Path

import pytest

from rag.inbox.folder.inbox import FolderInbox
from tests.support.programs import ingest
from tests.support.verdict import SCOPE, require_each_once, stored
from tests.support.workers import start_worker, wait_until_at_work, wait_until_settled, work_until_settled

# `make faults` kills a hundred times over 500 documents.
_KILLS = int(os.environ.get("TEST_KILLS", "3"))
_DOCUMENTS = 5 * _KILLS
_SHORT = 500
_STUB_BYTES = 500
_TIMEOUT_SECONDS = 300 + 30 * _KILLS


@pytest.fixture
def documents(tmp_path) -> Path:
    """Real documents if a data set is there, else generated ones; short, so a worker finishes some between kills."""
    folder = tmp_path / "documents"
    folder.mkdir()
    data = os.environ.get("TEST_DATA")
    real = [path for path in (Path(data) / "docs").rglob("*") if path.suffix in {".md", ".rst"}] if data else []
    # The shortest files are stubs without text, which are rejected.
    with_text = [path for path in real if path.stat().st_size > _STUB_BYTES]
    short = sorted(with_text, key=lambda path: (path.stat().st_size, path.name))[:_SHORT]
    for number, path in enumerate(short[:: max(1, len(short) // _DOCUMENTS)][:_DOCUMENTS]):
        (folder / f"{number}{path.suffix}").write_bytes(path.read_bytes())
    for number in range(len(list(folder.iterdir())), _DOCUMENTS):
        text = f"# Part {number}\n\n" + f"Sentence {number} about pumps and valves. " * 60
        (folder / f"{number}.md").write_text(text)
    return folder


def test_a_worker_killed_at_random_moments_neither_loses_nor_duplicates_documents(data_dir, documents):
    assert ingest("enqueue", str(documents), data_dir=data_dir).returncode == 0
    moments = random.Random(7)
    for kill in range(_KILLS):
        worker = start_worker(data_dir)
        # Every fifth kill may hit the start of a worker, the others hit it at work: a start takes seconds.
        if kill % 5:
            wait_until_at_work(data_dir)
        time.sleep(moments.uniform(0, 3))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        stored(data_dir)
    work_until_settled(data_dir, seconds=_TIMEOUT_SECONDS)
    require_each_once(data_dir, _DOCUMENTS)
    assert ingest("run", str(documents), "--json", data_dir=data_dir).stdout.startswith('{"new": 0, "changed": 0')


def test_a_worker_continues_when_another_one_with_the_same_inbox_is_killed(data_dir, documents):
    workers = [start_worker(data_dir) for _ in range(2)]
    try:
        assert ingest("enqueue", str(documents), data_dir=data_dir).returncode == 0
        time.sleep(2)
        workers[0].kill()
        wait_until_settled(data_dir)
    finally:
        workers[0].kill()
        workers[1].terminate()
        for worker in workers:
            worker.wait(60)
    require_each_once(data_dir, _DOCUMENTS)


def test_a_document_that_changes_during_ingestion_ends_in_its_last_state(data_dir, documents):
    worker = start_worker(data_dir)
    try:
        for state in range(5):
            changed = [documents / name for name in ("first.md", "second.md")]
            for path in changed:
                path.write_text(f"# State {state}\n\n" + f"Number {state} of {path.name}. " * 100)
            sources = changed if state else [documents]
            assert ingest("enqueue", *map(str, sources), data_dir=data_dir).returncode == 0
        wait_until_settled(data_dir)
    finally:
        worker.terminate()
        worker.wait(60)
    require_each_once(data_dir, _DOCUMENTS + 2)
    changed = [chunk for chunk in stored(data_dir) if chunk.uri.endswith(("/first.md", "/second.md"))]
    assert {chunk.title for chunk in changed} == {"State 4"}


def test_a_terminated_worker_finishes_the_documents_in_progress(data_dir, documents):
    """The drain time is long, because on a busy machine the claimed documents take longer than the default."""
    queued = _terminate_at_work(data_dir, documents, drain_seconds=300)
    ingested = _ingested(data_dir)
    assert ingested
    assert len(ingested) + len(queued) == _DOCUMENTS


def test_a_terminated_worker_returns_late_documents_to_the_inbox(data_dir, documents):
    for path in documents.iterdir():  # Long enough to be terminated during the work, on a busy machine too.
        path.write_text(path.read_text() * 8)
    queued = _terminate_at_work(data_dir, documents, drain_seconds=0)
    assert queued
    # A document that is stored but not acknowledged returns too. It is ingested again and found unchanged.
    assert len(_ingested(data_dir) | queued) == _DOCUMENTS
    work_until_settled(data_dir, seconds=_TIMEOUT_SECONDS)
    require_each_once(data_dir, _DOCUMENTS)


def _terminate_at_work(data_dir: Path, documents: Path, *, drain_seconds: float) -> set[str]:
    """Terminate a working worker and return the documents that are queued then; none may stay claimed."""
    assert ingest("enqueue", str(documents), data_dir=data_dir).returncode == 0
    worker = start_worker(data_dir, RAG_WORKER_DRAIN_SECONDS=str(drain_seconds))
    wait_until_at_work(data_dir)
    worker.terminate()
    assert worker.wait(drain_seconds + 180) == 0
    entries = asyncio.run(FolderInbox(data_dir / "inbox").progress(SCOPE))
    assert {entry.state for entry in entries} <= {"queued"}
    return {entry.document_id for entry in entries}


def _ingested(data_dir: Path) -> set[str]:
    return {chunk.document_id for chunk in stored(data_dir)}
