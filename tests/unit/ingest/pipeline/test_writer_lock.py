"""Waiting for the lock of the embedded store."""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from ingest.pipeline.writer_lock import wait_for_writer_lock
from rag.errors import Locked


class LockedStore:
    """A store that another process holds for the first `attempts` attempts to open it."""

    def __init__(self, attempts: float) -> None:
        self._left = attempts
        self.is_open = False

    @asynccontextmanager
    async def open(self):
        self._left -= 1
        if self._left >= 0:
            raise Locked("Another process writes.")
        self.is_open = True
        yield self
        self.is_open = False


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """A clock that advances by 6 s with each reading, so that no test waits."""
    clock = SimpleNamespace(now=0.0)

    def monotonic() -> float:
        clock.now += 6
        return clock.now

    monkeypatch.setattr("ingest.pipeline.writer_lock.time", SimpleNamespace(monotonic=monotonic))
    monkeypatch.setattr("ingest.pipeline.writer_lock._RETRY_SECONDS", 0)
    return clock


@pytest.mark.parametrize("attempts", [0, 3])
@pytest.mark.usefixtures("clock")
async def test_the_store_is_opened_as_soon_as_its_lock_is_free(attempts):
    store = LockedStore(attempts)
    async with wait_for_writer_lock(store.open) as opened:
        assert opened is store
        assert store.is_open
    assert not store.is_open


async def test_a_lock_that_stays_is_an_error_after_20_seconds(clock):
    with pytest.raises(Locked):
        async with wait_for_writer_lock(LockedStore(float("inf")).open):
            pass
    # The first reading was at 6 s.
    assert 26 < clock.now <= 32
