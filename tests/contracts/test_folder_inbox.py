"""The folder inbox: durable, oldest first, shared by workers that may die, and honest about each document's state."""

import asyncio
import signal
import subprocess
import sys

import pytest

from rag.errors import NotFound, Overloaded
from rag.inbox.base import Removal, Upload
from rag.inbox.folder import FolderInbox
from rag.inbox.folder_worklist import open_folder_worklist
from rag.types import DocumentId, Scope

OURS = Scope(tenant="ours")


def upload(name: str, *, scope: Scope = OURS, body: bytes = b"# Hello\nline two") -> Upload:
    return Upload(
        scope=scope,
        document_id=DocumentId(name),
        uri=f"upload:{name}",
        media_type="text/markdown",
        body=body,
        metadata={"team": "ops"},
    )


@pytest.fixture
def inbox(tmp_path) -> FolderInbox:
    return FolderInbox(tmp_path)


@pytest.fixture
def worklist(tmp_path):
    with open_folder_worklist(tmp_path) as opened:
        yield opened


async def test_entries_come_out_whole_and_in_the_order_they_went_in(inbox, worklist):
    jobs = [upload("a", body=bytes(range(256))), Removal(scope=OURS, document_id=DocumentId("b")), upload("c")]
    for job in jobs:
        await inbox.put(job)
    assert [(await worklist.claim()).job for _ in jobs] == jobs
    assert await worklist.claim() is None


async def test_a_document_is_queued_then_processing_then_gone(inbox, worklist):
    await inbox.put(upload("a"))
    [queued] = await inbox.progress(OURS, DocumentId("a"))
    entry = await worklist.claim()
    [processing] = await inbox.progress(OURS, DocumentId("a"))
    await worklist.settle(entry)
    assert (queued.state, processing.state) == ("queued", "processing")
    assert await inbox.progress(OURS, DocumentId("a")) == []


async def test_a_dead_letter_keeps_its_reason_until_the_document_is_taken_in(inbox, worklist):
    await inbox.put(upload("a"))
    await worklist.bury(await worklist.claim(), reason="It is encrypted.", trace="a trace")
    [rejected] = await inbox.progress(OURS)
    [letter] = await inbox.dead_letters()
    assert (rejected.state, rejected.reason) == ("rejected", "It is encrypted.")
    assert (letter.document_id, letter.reason, letter.trace, letter.attempts) == ("a", "It is encrypted.", "a trace", 1)
    await inbox.put(upload("a"))
    assert [progress.state for progress in await inbox.progress(OURS)] == ["queued"]
    await worklist.settle(await worklist.claim())
    assert await inbox.progress(OURS) == []
    assert await inbox.dead_letters() == []


async def test_a_dead_letter_can_be_replayed_with_its_bytes_or_dropped(inbox, worklist):
    for name in ("a", "b"):
        await inbox.put(upload(name))
        await worklist.bury(await worklist.claim(), reason="no")
    first, second = await inbox.dead_letters()
    await inbox.replay(first.id)
    await inbox.drop(second.id)
    entry = await worklist.claim()
    assert (entry.job, entry.attempt) == (upload("a"), 1)
    assert await inbox.dead_letters() == []
    with pytest.raises(NotFound):
        await inbox.drop("nowhere")


async def test_progress_shows_nothing_of_other_tenants(inbox):
    await inbox.put(upload("a", scope=Scope(tenant="theirs")))
    assert await inbox.progress(OURS) == []


async def test_of_several_states_of_a_document_the_newest_is_taken(inbox, worklist):
    for text in (b"one", b"two", b"three"):
        await inbox.put(upload("a", body=text))
    assert (await worklist.claim()).job.body == b"three"
    assert await worklist.claim() is None


async def test_two_entries_of_one_document_are_never_claimed_at_once(inbox, worklist, tmp_path):
    await inbox.put(upload("a", body=b"one"))
    first = await worklist.claim()
    await inbox.put(upload("a", body=b"two"))
    with open_folder_worklist(tmp_path) as other:
        assert await other.claim() is None
        await worklist.settle(first)
        assert (await other.claim()).job.body == b"two"


async def test_a_later_state_supersedes_one_that_is_to_be_tried_again(inbox, worklist):
    await inbox.put(upload("a", body=b"one"))
    first = await worklist.claim()
    await inbox.put(upload("a", body=b"two"))
    await worklist.retry(first, after=0)
    assert (await worklist.claim()).job.body == b"two"
    assert await worklist.claim() is None


async def test_what_is_tried_again_waits_and_counts(inbox, worklist):
    await inbox.put(upload("a"))
    await worklist.retry(await worklist.claim(), after=0.3)
    assert await worklist.claim() is None
    assert await worklist.wait(2)
    entry = await worklist.claim()
    assert entry.attempt == 2
    await worklist.retry(entry, after=0, counts=False)
    assert (await worklist.claim()).attempt == 2


async def test_what_a_killed_worker_had_claimed_comes_back_and_counts(inbox, tmp_path):
    await inbox.put(upload("a"))
    program = f"""
import asyncio, os, signal
from pathlib import Path
from rag.inbox.folder_worklist import open_folder_worklist
async def main():
    with open_folder_worklist(Path({str(tmp_path)!r})) as worklist:
        await worklist.claim()
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    run = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False)
    assert run.returncode == -signal.SIGKILL
    with open_folder_worklist(tmp_path) as worklist:
        assert await worklist.wait(2)
        entry = await worklist.claim()
    assert (entry.job, entry.attempt) == (upload("a"), 2)


async def test_what_a_living_worker_has_claimed_stays_its_own(inbox, worklist, tmp_path):
    await inbox.put(upload("a"))
    await worklist.claim()
    with open_folder_worklist(tmp_path) as other:
        assert not await other.wait(1.5)


async def test_a_worker_that_leaves_gives_back_what_it_holds(inbox, worklist, tmp_path):
    await inbox.put(upload("a"))
    with open_folder_worklist(tmp_path) as other:
        await other.claim()
    assert (await worklist.claim()).attempt == 1


async def test_a_damaged_entry_becomes_a_dead_letter(inbox, worklist, tmp_path):
    await inbox.put(upload("a"))
    [path] = (tmp_path / "queued").iterdir()
    path.write_bytes(b'{"tenant": "ou')
    assert await worklist.claim() is None
    [letter] = await inbox.dead_letters()
    assert "damaged" in letter.reason


async def test_statistics_count_states_and_tell_the_oldest(inbox, worklist):
    for name in ("a", "b", "c"):
        await inbox.put(upload(name))
    await worklist.bury(await worklist.claim(), reason="no")
    await worklist.claim()
    await asyncio.sleep(0.1)
    found = await inbox.statistics()
    assert (found.queued, found.processing, found.dead) == (1, 1, 1)
    assert 0.1 <= found.oldest_seconds < 5


async def test_a_full_inbox_turns_away(tmp_path):
    inbox = FolderInbox(tmp_path, max_entries=1)
    await inbox.put(upload("a"))
    with pytest.raises(Overloaded):
        await inbox.put(upload("b"))
