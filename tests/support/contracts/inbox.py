"""The contract of every inbox; each adapter's test file collects this suite.

Durable, in order, shared by workers that may die, and honest about each document's state.
"""

import asyncio
import signal
import subprocess
import sys
import time

import pytest
from pydantic import TypeAdapter

from rag.errors import Conflict, NotFound, Overloaded
from rag.inbox.base import Removal, Upload, WorkerReport
from rag.inbox.factory import open_inbox, open_worklist
from rag.settings import InboxSettings
from rag.types import DocumentId, RawDocument, Scope

OURS = Scope(tenant="ours")
INBOX_SETTINGS: TypeAdapter[InboxSettings] = TypeAdapter(InboxSettings)


def upload(name: str, *, scope: Scope = OURS, body: bytes = b"# Hello\nline two", digest: str = "") -> Upload:
    document = RawDocument(
        id=DocumentId(name), uri=f"upload:{name}", media_type="text/markdown", body=body, metadata={"team": "ops"}
    )
    return Upload(scope=scope, document=document, digest=digest)


class InboxContract:
    """A subclass gives the fixtures `values`, the settings of an empty inbox; `damage`, which spoils what waits there;
    and `small`, an inbox with room for one entry.
    """

    @pytest.fixture
    def claim_seconds(self) -> float:
        """Long enough that a worker keeps its claims while a busy machine pauses it for a moment."""
        return 6.0

    @pytest.fixture
    def settings(self, values) -> InboxSettings:
        return INBOX_SETTINGS.validate_python(values)

    @pytest.fixture
    async def inbox(self, settings, tmp_path):
        async with open_inbox(settings, root=tmp_path) as opened:
            yield opened

    @pytest.fixture
    async def letters(self, settings, tmp_path):
        async with open_inbox(settings, root=tmp_path) as opened:
            yield opened

    @pytest.fixture
    async def worklist(self, settings, tmp_path):
        async with open_worklist(settings, root=tmp_path) as opened:
            yield opened

    async def test_entries_are_claimed_unchanged_in_the_order_of_enqueueing(self, inbox, worklist):
        jobs = [upload("a", body=bytes(range(256))), Removal(scope=OURS, document_id=DocumentId("b")), upload("c")]
        for job in jobs:
            await inbox.put(job)
        assert [(await worklist.claim()).job for _ in jobs] == jobs
        assert await worklist.claim() is None

    async def test_a_document_is_queued_then_processing_then_removed(self, inbox, worklist):
        await inbox.put(upload("a"))
        [queued] = await inbox.progress(OURS, [DocumentId("a")])
        entry = await worklist.claim()
        [processing] = await inbox.progress(OURS, [DocumentId("a")])
        await worklist.acknowledge(entry)
        assert (queued.state, processing.state) == ("queued", "processing")
        assert await inbox.progress(OURS, [DocumentId("a")]) == []

    async def test_a_dead_letter_keeps_its_reason_until_the_document_is_ingested(self, inbox, worklist, letters):
        await inbox.put(upload("a"))
        await worklist.dead_letter(await worklist.claim(), reason="It is encrypted.", trace="a trace")
        [rejected] = await inbox.progress(OURS)
        [letter] = await letters.dead_letters()
        assert (rejected.state, rejected.reason) == ("rejected", "It is encrypted.")
        assert (letter.document_id, letter.reason, letter.trace, letter.attempts) == (
            "a",
            "It is encrypted.",
            "a trace",
            1,
        )
        await inbox.put(upload("a"))
        assert [progress.state for progress in await inbox.progress(OURS)] == ["queued"]
        await worklist.acknowledge(await worklist.claim())
        assert await inbox.progress(OURS) == []
        assert await letters.dead_letters() == []

    async def test_an_empty_document_is_known_as_empty_until_it_has_text(self, inbox, worklist, letters):
        await inbox.put(upload("a", digest="d"))
        await worklist.dead_letter(await worklist.claim(), reason="It is encrypted.")
        await inbox.put(upload("a", digest="e"))
        entry = await worklist.claim()
        await worklist.set_aside(entry, reason="It contains no text.")
        for ids in (None, [DocumentId("a")]):
            [empty] = await inbox.progress(OURS, ids)
            assert (empty.state, empty.reason, empty.digest) == ("empty", "It contains no text.", "e")
            assert (empty.uri, empty.order) == ("upload:a", entry.order)
        assert await letters.dead_letters() == []
        statistics = await inbox.statistics()
        assert (statistics.queued, statistics.processing, statistics.dead) == (0, 0, 0)
        await inbox.put(upload("a"), expected=empty.order)
        assert [it.state for it in await inbox.progress(OURS)] == ["queued"]
        await worklist.acknowledge(await worklist.claim())
        assert await inbox.progress(OURS) == []

    @pytest.mark.parametrize("ends_as", ["rejected", "removed"])
    async def test_a_later_state_of_an_empty_document_replaces_it(self, inbox, worklist, ends_as):
        await inbox.put(upload("a"))
        await worklist.set_aside(await worklist.claim(), reason="It contains no text.")
        if ends_as == "removed":
            await inbox.put(Removal(scope=OURS, document_id=DocumentId("a")))
            await worklist.acknowledge(await worklist.claim())
        else:
            await inbox.put(upload("a"))
            await worklist.dead_letter(await worklist.claim(), reason="It is encrypted.")
        assert [it.state for it in await inbox.progress(OURS)] == (["rejected"] if ends_as == "rejected" else [])

    async def test_a_document_that_changes_while_it_is_found_empty_is_claimed_again(self, inbox, worklist):
        await inbox.put(upload("a"))
        entry = await worklist.claim()
        await inbox.put(upload("a", body=b"text"))
        await worklist.set_aside(entry, reason="It contains no text.")
        assert [it.state for it in await inbox.progress(OURS)] == ["queued"]
        assert (await worklist.claim()).job.document.body == b"text"

    async def test_a_dead_letter_can_be_replayed_with_its_bytes_or_dropped(self, inbox, worklist, letters):
        for name in ("a", "b"):
            await inbox.put(upload(name))
            await worklist.dead_letter(await worklist.claim(), reason="no")
        first, second = await letters.dead_letters()
        await letters.replay(first.id)
        await letters.drop(second.id)
        entry = await worklist.claim()
        assert (entry.job, entry.attempt) == (upload("a"), 1)
        assert await letters.dead_letters() == []
        with pytest.raises(NotFound):
            await letters.drop("nowhere")

    async def test_progress_describes_the_latest_entry_of_each_document_that_was_asked_for(self, inbox, worklist):
        for name in ("a", "b"):
            await inbox.put(upload(name, digest="old"))
        await worklist.claim()
        await inbox.put(upload("a", digest="new"))
        await inbox.put(Removal(scope=OURS, document_id=DocumentId("c")))
        [found] = await inbox.progress(OURS, [DocumentId("a")])
        assert (found.state, found.kind, found.digest) == ("queued", "upload", "new")
        some = await inbox.progress(OURS, [DocumentId("b"), DocumentId("c"), DocumentId("unknown")])
        assert {(it.document_id, it.kind, it.digest) for it in some} == {("b", "upload", "old"), ("c", "removal", "")}
        assert abs(found.order / 1e6 - time.time()) < 60

    async def test_a_guarded_entry_is_refused_if_the_document_has_another_one(self, inbox, worklist):
        await inbox.put(upload("a", body=b"one"), expected=0)
        with pytest.raises(Conflict):
            await inbox.put(upload("a", body=b"two"), expected=0)
        [first] = await inbox.progress(OURS)
        await inbox.put(upload("a", body=b"two"), expected=first.order)
        with pytest.raises(Conflict):
            await inbox.put(upload("a", body=b"three"), expected=first.order)
        entry = await worklist.claim()
        assert entry.job.document.body == b"two"

    async def test_lists_show_the_latest_reason_of_a_document_that_is_rejected_twice(self, inbox, worklist):
        for reason in ("It is empty.", "It is encrypted."):
            await inbox.put(upload("a"))
            await worklist.dead_letter(await worklist.claim(), reason=reason)
            assert [it.reason for it in await inbox.progress(OURS)] == [reason]

    async def test_the_order_of_an_entry_is_the_same_in_every_state(self, inbox, worklist):
        await inbox.put(upload("a"))
        [queued] = await inbox.progress(OURS)
        entry = await worklist.claim()
        [processing] = await inbox.progress(OURS)
        await worklist.dead_letter(entry, reason="no")
        [rejected] = await inbox.progress(OURS)
        assert queued.order == processing.order == rejected.order == entry.order
        await inbox.put(upload("a"), expected=rejected.order)
        [again] = await inbox.progress(OURS)
        assert again.order > rejected.order

    async def test_of_several_clients_at_once_one_adds_the_guarded_entry(self, inbox):
        jobs = [inbox.put(upload("a", body=bytes([number])), expected=0) for number in range(8)]
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(result) for result in results if result is not None] == [Conflict] * 7

    async def test_progress_hides_other_tenants(self, inbox):
        await inbox.put(upload("a", scope=Scope(tenant="theirs")))
        assert await inbox.progress(OURS) == []

    async def test_only_the_newest_state_of_a_document_is_claimed(self, inbox, worklist):
        for text in (b"one", b"two", b"three"):
            await inbox.put(upload("a", body=text))
        assert (await worklist.claim()).job.document.body == b"three"
        assert await worklist.claim() is None

    async def test_two_entries_of_one_document_are_never_claimed_at_once(self, inbox, worklist, settings, tmp_path):
        await inbox.put(upload("a", body=b"one"))
        first = await worklist.claim()
        await inbox.put(upload("a", body=b"two"))
        async with open_worklist(settings, root=tmp_path) as other:
            assert await other.claim() is None
            await worklist.acknowledge(first)
            assert (await other.claim()).job.document.body == b"two"

    async def test_a_later_state_supersedes_one_that_waits_for_a_retry(self, inbox, worklist):
        await inbox.put(upload("a", body=b"one"))
        first = await worklist.claim()
        await inbox.put(upload("a", body=b"two"))
        await worklist.retry(first, after=0)
        assert (await worklist.claim()).job.document.body == b"two"
        assert await worklist.claim() is None

    async def test_a_retried_entry_waits_and_its_attempts_are_counted(self, inbox, worklist):
        await inbox.put(upload("later"))
        await worklist.retry(await worklist.claim(), after=600)
        await inbox.put(upload("a"))
        began = time.monotonic()
        await worklist.retry(await worklist.claim(), after=2)
        assert await worklist.wait(60)
        assert time.monotonic() - began > 1.9
        entry = await worklist.claim()
        assert (entry.job, entry.attempt) == (upload("a"), 2)
        assert await worklist.claim() is None
        await worklist.retry(entry, after=0, counts=False)
        assert (await worklist.claim()).attempt == 2

    @pytest.mark.parametrize("claim_seconds", [1.0])
    @pytest.mark.slow
    async def test_claims_of_a_killed_worker_return_to_the_queue_and_count_as_attempts(
        self, inbox, values, settings, tmp_path, claim_seconds
    ):
        await inbox.put(upload("a"))
        program = f"""
import asyncio, os, signal
from pathlib import Path
from rag.inbox.factory import open_worklist
from tests.support.contracts.inbox import INBOX_SETTINGS
async def main():
    async with open_worklist(INBOX_SETTINGS.validate_python({values!r}), root=Path({str(tmp_path)!r})) as worklist:
        assert await worklist.claim()
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
        run = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False)
        assert run.returncode == -signal.SIGKILL
        async with open_worklist(settings, root=tmp_path) as worklist:
            assert await worklist.wait(60 * claim_seconds)
            entry = await worklist.claim()
        assert (entry.job, entry.attempt) == (upload("a"), 2)

    async def test_a_living_worker_keeps_its_claims(self, inbox, worklist, settings, tmp_path, claim_seconds):
        await inbox.put(upload("a"))
        await worklist.claim()
        async with open_worklist(settings, root=tmp_path) as other:
            assert not await other.wait(1.5 * claim_seconds)

    async def test_a_stopping_worker_returns_its_claims(self, inbox, worklist, settings, tmp_path):
        await inbox.put(upload("a"))
        async with open_worklist(settings, root=tmp_path) as other:
            await other.claim()
        assert (await worklist.claim()).attempt == 1

    async def test_a_damaged_entry_becomes_a_dead_letter(self, inbox, worklist, letters, damage):
        await inbox.put(upload("a"))
        damage()
        assert await worklist.claim() is None
        [letter] = await letters.dead_letters()
        assert "damaged" in letter.reason

    async def test_statistics_count_states_and_give_the_oldest_age(self, inbox, worklist):
        for name in ("a", "b", "c"):
            await inbox.put(upload(name))
        await worklist.dead_letter(await worklist.claim(), reason="no")
        await worklist.claim()
        await asyncio.sleep(0.1)
        found = await inbox.statistics()
        assert (found.queued, found.processing, found.dead) == (1, 1, 1)
        assert 0.1 <= found.oldest_seconds < 60

    async def test_only_living_workers_are_reported(self, inbox, settings, tmp_path):
        assert await inbox.workers() == []
        async with open_worklist(settings, root=tmp_path) as first:
            await first.report(WorkerReport())
            assert await inbox.workers() == [WorkerReport()]
            async with open_worklist(settings, root=tmp_path) as second:
                await second.report(WorkerReport(waiting_for="The embedder refuses the key."))
                reasons = sorted(report.waiting_for for report in await inbox.workers())
                assert reasons == ["", "The embedder refuses the key."]
                await second.report(WorkerReport())
                assert await inbox.workers() == [WorkerReport(), WorkerReport()]
            assert await inbox.workers() == [WorkerReport()]
        assert await inbox.workers() == []

    async def test_a_full_inbox_refuses_documents(self, small):
        await small.put(upload("a"))
        with pytest.raises(Overloaded):
            await small.put(upload("b"))

    async def test_the_order_of_a_document_grows_with_each_state(self, inbox, worklist):
        orders = []
        for text in (b"one", b"two"):
            await inbox.put(upload("a", body=text))
            entry = await worklist.claim()
            orders.append(entry.order)
            await worklist.retry(entry, after=0)
            entry = await worklist.claim()
            orders.append(entry.order)
            await entry.confirm()
            await worklist.acknowledge(entry)
        assert orders[0] == orders[1] < orders[2] == orders[3]

    async def test_documents_of_two_tenants_with_the_same_id_are_independent(self, inbox, worklist):
        theirs = Scope(tenant="theirs")
        await inbox.put(upload("a", body=b"ours"))
        await inbox.put(upload("a", scope=theirs, body=b"theirs"))
        entries = [await worklist.claim(), await worklist.claim()]
        assert [entry.job.document.body for entry in entries] == [b"ours", b"theirs"]
        await worklist.acknowledge(entries[0])
        assert await inbox.progress(OURS) == []
        assert [progress.state for progress in await inbox.progress(theirs)] == ["processing"]

    @pytest.mark.parametrize("is_claimed", [False, True])
    async def test_a_replayed_dead_letter_does_not_replace_a_newer_state(self, inbox, worklist, letters, is_claimed):
        await inbox.put(upload("a", body=b"old"))
        await worklist.dead_letter(await worklist.claim(), reason="no")
        [letter] = await letters.dead_letters()
        await inbox.put(upload("a", body=b"new"))
        entry = await worklist.claim() if is_claimed else None
        await letters.replay(letter.id)
        entry = entry or await worklist.claim()
        assert entry.job.document.body == b"new"
        await worklist.acknowledge(entry)
        assert await worklist.claim() is None
        assert await letters.dead_letters() == []

    async def test_a_replayed_dead_letter_is_queued_and_not_dead(self, inbox, worklist, letters):
        await inbox.put(upload("a"))
        await worklist.dead_letter(await worklist.claim(), reason="no")
        [letter] = await letters.dead_letters()
        await letters.replay(letter.id)
        [progress] = await inbox.progress(OURS)
        assert (progress.state, progress.reason) == ("queued", None)
        assert await letters.dead_letters() == []
