"""The folder inbox: durable, first in first out, and honest about each document's state."""

import pytest

from rag.errors import Locked
from rag.inbox.base import Removal, Upload
from rag.inbox.folder import FolderInbox
from rag.types import DocumentId, Scope

OURS = Scope(tenant="ours")


def upload(name: str, *, scope: Scope = OURS, body: bytes = b"# Hello\nline two") -> Upload:
    return Upload(
        scope=scope, document_id=DocumentId(name), uri=f"upload:{name}", media_type="text/markdown", body=body
    )


@pytest.fixture
def inbox(tmp_path) -> FolderInbox:
    return FolderInbox(tmp_path)


async def test_entries_come_out_whole_and_in_the_order_they_went_in(inbox):
    jobs = [upload("a", body=bytes(range(256))), Removal(scope=OURS, document_id=DocumentId("b")), upload("c")]
    for job in jobs:
        await inbox.put(job)
    assert [(await inbox.claim()).job for _ in jobs] == jobs
    assert await inbox.claim() is None


async def test_a_document_is_queued_then_processing_then_gone(inbox):
    await inbox.put(upload("a"))
    [queued] = await inbox.progress(OURS, DocumentId("a"))
    entry = await inbox.claim()
    [processing] = await inbox.progress(OURS, DocumentId("a"))
    await inbox.settle(entry)
    assert (queued.state, processing.state) == ("queued", "processing")
    assert await inbox.progress(OURS, DocumentId("a")) == []


async def test_a_rejection_keeps_its_reason_until_the_document_is_taken_in(inbox):
    await inbox.put(upload("a"))
    await inbox.settle(await inbox.claim(), rejected="It is encrypted.")
    [rejected] = await inbox.progress(OURS)
    assert (rejected.state, rejected.reason) == ("rejected", "It is encrypted.")
    await inbox.put(upload("a"))
    assert [progress.state for progress in await inbox.progress(OURS)] == ["queued"]
    await inbox.settle(await inbox.claim())
    assert await inbox.progress(OURS) == []


async def test_progress_shows_nothing_of_other_tenants(inbox):
    await inbox.put(upload("a", scope=Scope(tenant="theirs")))
    assert await inbox.progress(OURS) == []


async def test_what_a_killed_worker_had_claimed_comes_back(inbox, tmp_path):
    await inbox.put(upload("a"))
    with inbox.only_worker():
        await inbox.claim()
    again = FolderInbox(tmp_path)
    with again.only_worker():
        assert (await again.claim()).job == upload("a")


async def test_a_second_worker_is_refused(inbox, tmp_path):
    with inbox.only_worker(), pytest.raises(Locked), FolderInbox(tmp_path).only_worker():
        pass
