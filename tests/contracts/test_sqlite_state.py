"""The contract of shared state on an SQLite file."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from rag.errors import Unavailable
from rag.state.factory import open_state
from rag.state.sqlite import FORMAT, back_up_state, open_sqlite_state, restore_state
from tests.support.contracts.state import NOTES, OURS, StateContract


class TestSqliteState(StateContract):
    @pytest.fixture
    def values(self):
        return {"kind": "sqlite"}

    async def test_a_restart_keeps_the_records(self, settings, tmp_path):
        path = tmp_path / "state.sqlite"
        async with open_state(settings, path=path) as state:
            await state.put(NOTES, OURS, "a", b"kept")
        async with open_state(settings, path=path) as state:
            assert (await state.get(NOTES, OURS, "a")).value == b"kept"
        assert path.stat().st_mode & 0o077 == 0

    async def test_a_locked_file_does_not_block_the_event_loop(self, state, tmp_path):
        await state.put(NOTES, OURS, "a", b"")
        with closing(sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(state.put(NOTES, OURS, "b", b""))
            for _ in range(10):  # The loop turns while the thread waits for the lock.
                await asyncio.sleep(0)
            assert not writing.done()
            other.execute("ROLLBACK")
        await writing
        assert await state.get(NOTES, OURS, "b")

    async def test_a_backup_is_restored_while_the_state_is_in_use(self, state, tmp_path):
        path, copy = tmp_path / "state.sqlite", tmp_path / "backup" / "copy.sqlite"
        await state.put(NOTES, OURS, "a", b"copied")
        back_up_state(path, copy)
        await state.put(NOTES, OURS, "a", b"later")
        await state.put(NOTES, OURS, "b", b"later")
        restore_state(copy, path)
        assert (await state.get(NOTES, OURS, "a")).value == b"copied"
        assert await state.get(NOTES, OURS, "b") is None
        await state.put(NOTES, OURS, "c", b"after")
        assert [record.key for record in await state.page(NOTES, OURS, before=None, limit=9)] == ["c", "a"]
        assert [file.name for file in copy.parent.iterdir()] == ["copy.sqlite"]

    async def test_a_file_of_a_newer_version_is_refused_and_left_alone(self, tmp_path):
        path = tmp_path / "state.sqlite"
        with closing(sqlite3.connect(path)) as database:
            database.execute(f"PRAGMA user_version = {FORMAT + 1}")
        async with open_sqlite_state(path) as state:
            with pytest.raises(Unavailable, match="newer version"):
                await state.get(NOTES, OURS, "a")

    async def test_a_damaged_file_is_reported_until_it_is_moved_away(self, tmp_path):
        path = tmp_path / "state.sqlite"
        path.write_bytes(b"not a database, and longer than one page header " * 100)
        async with open_sqlite_state(path) as state:
            with pytest.raises(Unavailable, match="Move a damaged file away"):
                await state.check()
            path.unlink()
            await state.put(NOTES, OURS, "a", b"")
            assert await state.get(NOTES, OURS, "a")
