"""One document that takes for ever and one that crashes its parser: the others are ingested without delay."""

import asyncio

from rag.inbox.folder.inbox import FolderInbox
from tests.support.commands import run_command
from tests.support.verdict import SCOPE, stored
from tests.support.waiting import wait_until
from tests.support.workers import start_worker, wait_until_settled

_SLOW = "![a" * 600_000  # Quadratic for a Markdown parser that searches for the end of each link.
_HUNGRY = "<p>too much for so little memory</p>\n" * 400_000
_GOOD = 20


def test_a_slow_and_a_poisonous_document_do_not_affect_the_others(tmp_path, data_dir):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "0-slow.md").write_text(_SLOW)
    (folder / "1-hungry.html").write_text(_HUNGRY)
    for n in range(_GOOD):
        (folder / f"good-{n}.md").write_text(f"# Part {n}\n\nSentence {n} about pumps.")
    run_command("enqueue", str(folder), data_dir=data_dir)
    inbox = FolderInbox(data_dir / "inbox")

    # With this limit, the slow document is certainly in progress until the others are visible.
    settings = {"RAG_PARSING__PROCESSES": "2", "RAG_PARSING__MEMORY_MIB": "128", "RAG_PARSING__SECONDS": "600"}
    worker = start_worker(data_dir, **settings, RAG_WORKER_DRAIN_SECONDS="0")
    try:
        wait_until(lambda: asyncio.run(inbox.statistics()).dead == 1 and len(stored(data_dir)) == _GOOD, seconds=300)
        [left] = [entry for entry in asyncio.run(inbox.progress(SCOPE)) if entry.state != "rejected"]
        assert (left.uri.rpartition("/")[2], left.state) == ("0-slow.md", "processing")
    finally:
        worker.terminate()
        assert worker.wait(60) == 0

    worker = start_worker(data_dir, **settings | {"RAG_PARSING__SECONDS": "2"})
    try:
        wait_until_settled(data_dir)
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
    reasons = {letter.uri.rpartition("/")[2]: letter.reason for letter in asyncio.run(inbox.dead_letters())}
    assert "took longer than 2 s" in reasons["0-slow.md"]
    assert "memory" in reasons["1-hungry.html"] or "ended the parser" in reasons["1-hungry.html"]
    assert len({chunk.document_id for chunk in stored(data_dir)}) == _GOOD
