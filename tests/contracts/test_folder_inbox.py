"""The inbox contract on the folder inbox."""

import time

import pytest

from rag.errors import Unavailable
from rag.inbox.folder.inbox import FolderInbox
from tests.support.contracts.inbox import InboxContract, upload


class TestFolderInbox(InboxContract):
    @pytest.fixture
    def values(self):
        return {"kind": "folder"}

    @pytest.fixture
    def damage(self, tmp_path):
        def spoil() -> None:
            [path] = (tmp_path / "queued").iterdir()
            path.write_bytes(b'{"tenant": "ou')

        return spoil

    @pytest.fixture
    def small(self, tmp_path):
        return FolderInbox(tmp_path, max_entries=1)

    async def test_an_entry_of_a_newer_version_waits_for_its_worker(self, inbox, worklist, tmp_path):
        await inbox.put(upload("a"))
        [path] = (tmp_path / "queued").iterdir()
        path.write_bytes(path.read_bytes().replace(b'"format": 3', b'"format": 4'))
        assert await worklist.claim() is None
        assert (await inbox.statistics()).queued == 1

    async def test_an_entry_is_kept_if_its_dead_letter_cannot_be_written(self, inbox, worklist, letters, tmp_path):
        await inbox.put(upload("a"))
        entry = await worklist.claim()
        (tmp_path / "dead").rmdir()
        with pytest.raises(Unavailable, match="Is the disk full"):
            await worklist.dead_letter(entry, reason="no")
        (tmp_path / "dead").mkdir()
        await worklist.retry(entry, after=0, counts=False)
        again = await worklist.claim()
        assert (again.job, again.attempt) == (upload("a"), 1)
        await worklist.dead_letter(again, reason="no")
        assert [letter.reason for letter in await letters.dead_letters()] == ["no"]

    async def test_the_order_rises_although_the_clock_is_set_back(self, inbox, worklist, monkeypatch):
        hour = 3_600_000_000_000
        now = time.time_ns()
        monkeypatch.setattr(time, "time_ns", lambda: now)
        await inbox.put(upload("a"))
        first = await worklist.claim()
        await worklist.acknowledge(first)
        monkeypatch.setattr(time, "time_ns", lambda: now - hour)
        await inbox.put(upload("a"))
        await inbox.put(upload("a", body=b"later"))
        second = await worklist.claim()
        assert second.order > first.order
        assert second.job.document.body == b"later"
        assert await worklist.claim() is None

    async def test_a_letter_that_a_worker_writes_during_a_replay_is_kept(self, inbox, worklist, tmp_path):
        class Overtaken(FolderInbox):
            """An inbox whose entries are rejected before `put` returns."""

            async def put(self, job, *, expected=None):
                await super().put(job, expected=expected)
                await worklist.dead_letter(await worklist.claim(), reason="still no")

        await inbox.put(upload("a"))
        await worklist.dead_letter(await worklist.claim(), reason="no")
        letters = Overtaken(tmp_path)
        [letter] = await letters.dead_letters()
        await letters.replay(letter.id)
        assert [letter.reason for letter in await letters.dead_letters()] == ["still no"]
