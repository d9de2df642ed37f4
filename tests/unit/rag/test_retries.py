"""Which calls are retried, how often, and what a retry confirms first."""

from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry, Counter
from qdrant_client import AsyncQdrantClient

from rag.errors import BadResponse, ClaimLost, Unavailable
from rag.retries import retry
from rag.store.retrying import RetryingStore
from rag.store.server.collections import Collections
from rag.store.server.store import ServerStore
from rag.types import EVERYTHING
from tests.support.contracts.store import EMBEDDER, OURS, StoreContract, point


@pytest.fixture
def counter():
    return Counter("retries", "Retries.", registry=CollectorRegistry())


def count(counter: Counter) -> float:
    return next(iter(counter.collect())).samples[0].value


class Failing:
    """A store whose calls fail a number of times before they reach the real one."""

    def __init__(self, store: ServerStore, failures: int) -> None:
        self._store = store
        self._failures = failures

    async def stage(self, *given) -> None:
        self._fail()
        await self._store.stage(*given)

    async def scroll(self, *given):
        async for chunk in self._store.scroll(*given):
            yield chunk
            self._fail()

    def _fail(self) -> None:
        if self._failures:
            self._failures -= 1
            raise Unavailable("The store restarts.")


@asynccontextmanager
async def open_store():
    client = AsyncQdrantClient(":memory:")
    yield ServerStore(client, await Collections(client, "retried").open(EMBEDDER))
    await client.close()


class TestRetryingStore(StoreContract):
    @pytest.fixture
    async def store(self, counter):
        async with open_store() as store:
            yield RetryingStore(store, counter)


async def test_a_call_is_repeated_until_it_succeeds_and_each_repetition_is_counted(counter):
    failures = [Unavailable("first"), Unavailable("second")]

    async def call() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert await retry(counter, call) == "done"
    assert count(counter) == 2


async def test_an_error_that_stays_is_raised_at_once(counter):
    async def call() -> None:
        raise BadResponse("not an embedding")

    with pytest.raises(BadResponse):
        await retry(counter, call)
    assert count(counter) == 0


async def test_the_last_error_is_raised_when_the_time_is_over(counter):
    async def call() -> None:
        raise Unavailable("still away")

    with pytest.raises(Unavailable, match="still away"):
        await retry(counter, call, seconds=0.1)


async def test_a_repeated_scroll_returns_no_chunk_twice(counter):
    async with open_store() as store:
        await store.stage(OURS, [point("one"), point("two", ordinal=1)])
        await store.commit(OURS, point("one").chunk.document_id, "v1")
        retrying = RetryingStore(Failing(store, failures=1), counter)
        assert sorted([chunk.text async for chunk in retrying.scroll(OURS, EVERYTHING)]) == ["one", "two"]
    assert count(counter) == 1


async def test_a_claim_that_is_lost_between_two_attempts_stops_the_write(counter):
    confirmed = 0

    async def confirm() -> None:
        nonlocal confirmed
        confirmed += 1
        if confirmed == 2:
            raise ClaimLost("Another worker has the entry.")

    async with open_store() as store:
        with pytest.raises(ClaimLost):
            await RetryingStore(Failing(store, failures=1), counter, confirm=confirm).stage(OURS, [point("one")])
        await store.commit(OURS, point("one").chunk.document_id, "v1")
        assert [chunk async for chunk in store.scroll(OURS)] == []
