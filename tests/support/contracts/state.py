"""The contract of every shared state; each adapter's test file collects this suite."""

import asyncio
import json
import subprocess
import sys

import pytest
from pydantic import TypeAdapter

from rag.errors import Conflict
from rag.settings import StateSettings
from rag.state.base import RecordKind
from rag.state.factory import open_state

STATE_SETTINGS: TypeAdapter[StateSettings] = TypeAdapter(StateSettings)
THREADS = RecordKind(name="threads", limit=3, seconds=3600)
NOTES = RecordKind(name="notes", limit=100, seconds=3600)
OURS, THEIRS = "ours", "their:s}/ü"
_EACH = 25
# A program, because two processes must share the state. It counts in one record and in one of its own.
_COUNTER = f"""
import asyncio, json, sys
from pathlib import Path
from rag.errors import Conflict
from rag.state.factory import open_state
from tests.support.contracts.state import NOTES, OURS, STATE_SETTINGS

async def count():
    async with open_state(STATE_SETTINGS.validate_python(json.loads(sys.argv[1])), path=Path(sys.argv[2])) as state:
        for number in range({_EACH}):
            await state.put(NOTES, OURS, f"{{sys.argv[3]}}-{{number}}", b"")
            while True:
                found = await state.get(NOTES, OURS, "count")
                value = int(found.value) + 1 if found else 1
                try:
                    await state.put(NOTES, OURS, "count", b"%d" % value, expected=found.changed if found else 0)
                    break
                except Conflict:
                    continue

asyncio.run(count())
"""


class StateContract:
    """A subclass gives the fixture `values`, the settings of an empty state."""

    @pytest.fixture
    def settings(self, values) -> StateSettings:
        return STATE_SETTINGS.validate_python(values)

    @pytest.fixture
    async def state(self, settings, tmp_path):
        async with open_state(settings, path=tmp_path / "state.sqlite") as opened:
            yield opened

    async def test_a_record_is_read_as_it_was_written_until_it_is_deleted(self, state):
        value = bytes(range(256))
        changed = await state.put(NOTES, OURS, "a", value)
        found = await state.get(NOTES, OURS, "a")
        assert (found.key, found.value, found.changed) == ("a", value, changed)
        assert await state.delete(NOTES, OURS, "a")
        assert not await state.delete(NOTES, OURS, "a")
        assert await state.get(NOTES, OURS, "a") is None

    async def test_tenants_and_kinds_are_apart(self, state):
        await state.put(NOTES, OURS, "a", b"ours")
        await state.put(NOTES, THEIRS, "a", b"theirs")
        await state.put(THREADS, OURS, "a", b"thread")
        assert [record.value for record in await state.page(NOTES, OURS, before=None, limit=10)] == [b"ours"]
        assert not await state.delete(THREADS, THEIRS, "a")
        assert (await state.get(NOTES, THEIRS, "a")).value == b"theirs"
        assert (await state.get(THREADS, OURS, "a")).value == b"thread"

    async def test_pages_begin_with_the_latest_change_and_skip_nothing(self, state):
        for key in "abcde":
            await state.put(NOTES, OURS, key, b"")
        await state.put(NOTES, OURS, "b", b"again")
        keys, before = [], None
        while page := await state.page(NOTES, OURS, before=before, limit=2):
            keys += [record.key for record in page]
            before = page[-1].changed
        assert keys == ["b", "e", "d", "c", "a"]

    async def test_the_oldest_record_beyond_the_limit_is_removed(self, state):
        for key in "abc":
            await state.put(THREADS, OURS, key, b"")
        await state.put(THREADS, OURS, "a", b"changed")
        await state.put(THREADS, OURS, "d", b"")
        await state.put(THREADS, THEIRS, "x", b"")
        assert [record.key for record in await state.page(THREADS, OURS, before=None, limit=10)] == ["d", "a", "c"]
        assert await state.get(THREADS, OURS, "b") is None

    async def test_an_old_record_is_gone(self, state):
        brief = RecordKind(name="brief", limit=10, seconds=1)
        await state.put(brief, OURS, "a", b"")
        async with asyncio.timeout(60):
            while await state.get(brief, OURS, "a"):  # noqa: ASYNC110 - the expiry has no event
                await asyncio.sleep(0.05)
        assert await state.page(brief, OURS, before=None, limit=10) == []
        await state.put(brief, OURS, "b", b"", expected=0)
        assert not await state.delete(brief, OURS, "a")

    async def test_a_change_of_another_state_of_the_record_is_a_conflict(self, state):
        first = await state.put(NOTES, OURS, "a", b"one", expected=0)
        second = await state.put(NOTES, OURS, "a", b"two", expected=first)
        for outdated in (0, first):
            with pytest.raises(Conflict):
                await state.put(NOTES, OURS, "a", b"three", expected=outdated)
        assert second > first
        assert (await state.get(NOTES, OURS, "a")).value == b"two"

    async def test_a_tenant_is_erased_completely_and_alone(self, state):
        for kind in (NOTES, THREADS):
            await state.put(kind, OURS, "a", b"")
            await state.put(kind, THEIRS, "a", b"kept")
        assert await state.erase(OURS) == 2
        assert await state.erase(OURS) == 0
        for kind in (NOTES, THREADS):
            assert await state.page(kind, OURS, before=None, limit=10) == []
            assert (await state.get(kind, THEIRS, "a")).value == b"kept"

    async def test_a_working_state_passes_its_check(self, state):
        await state.check()

    @pytest.mark.slow
    async def test_two_processes_share_one_state(self, state, values, tmp_path):
        arguments = [json.dumps(values), str(tmp_path / "state.sqlite")]
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", _COUNTER, *arguments, name, stderr=subprocess.PIPE
            )
            for name in ("one", "two")
        ]
        for process in processes:
            _, errors = await asyncio.wait_for(process.communicate(), 300)
            assert process.returncode == 0, errors.decode()
        assert int((await state.get(NOTES, OURS, "count")).value) == 2 * _EACH
        assert len(await state.page(NOTES, OURS, before=None, limit=100)) == 2 * _EACH + 1
