"""One document that takes for ever and one that crashes its parser: the others are ingested without delay."""

import asyncio
import time

from rag.inbox.folder.inbox import FolderInbox
from tests.support.programs import ingest
from tests.support.verdict import stored
from tests.support.workers import start_worker, wait_until_settled

_SLOW = "![a" * 600_000  # Quadratic for a Markdown parser that searches for the end of each link.
_HUNGRY = "<p>too much for so little memory</p>\n" * 400_000
_LIMIT_SECONDS = 30  # Far more than a good document and the start of a parser take, on a busy machine too.


def test_a_slow_and_a_poisonous_document_do_not_affect_the_others(tmp_path, data_dir):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "0-slow.md").write_text(_SLOW)
    (folder / "1-hungry.html").write_text(_HUNGRY)
    for n in range(20):
        (folder / f"good-{n}.md").write_text(f"# Part {n}\n\nSentence {n} about pumps.")
    assert ingest("enqueue", str(folder), data_dir=data_dir).returncode == 0
    seen: list[tuple[int, float]] = []
    worker = start_worker(
        data_dir, RAG_PARSING__PROCESSES="2", RAG_PARSING__SECONDS=str(_LIMIT_SECONDS), RAG_PARSING__MEMORY_MIB="128"
    )
    try:
        wait_until_settled(data_dir, meanwhile=lambda: seen.append((len(stored(data_dir)), time.time())))
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
    letters = asyncio.run(FolderInbox(data_dir / "inbox").dead_letters())
    reasons = {letter.uri.rpartition("/")[2]: letter.reason for letter in letters}
    assert f"took longer than {_LIMIT_SECONDS} s" in reasons["0-slow.md"]
    assert "memory" in reasons["1-hungry.html"] or "ended the parser" in reasons["1-hungry.html"]
    assert len({chunk.document_id for chunk in stored(data_dir)}) == 20
    # Other documents were visible before the slow one was rejected.
    rejected_at = next(letter.failed_at for letter in letters if letter.uri.endswith("0-slow.md"))
    assert any(chunks for chunks, when in seen if when < rejected_at)
