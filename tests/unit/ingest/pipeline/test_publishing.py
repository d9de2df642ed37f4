"""Publication on request and at regular times."""

import asyncio

import pytest

from ingest.pipeline.publishing import open_publisher, publish_regularly
from rag.errors import BadResponse


class CountingStore:
    """Counts publications, each of which waits for permission. The next one fails with `error`."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None
        self.has_begun = asyncio.Event()
        self.may_publish = asyncio.Event()
        self.may_publish.set()

    async def publish(self) -> None:
        self.count += 1
        self.has_begun.set()
        await self.may_publish.wait()
        error, self.error = self.error, None
        if error:
            raise error


async def test_requests_during_a_publication_share_the_next_one():
    store = CountingStore()
    store.may_publish.clear()
    async with open_publisher(store) as publisher:
        first = asyncio.create_task(publisher.publish())
        await store.has_begun.wait()
        later = [asyncio.create_task(publisher.publish()) for _ in range(3)]
        await asyncio.sleep(0)
        store.may_publish.set()
        await asyncio.gather(first, *later)
    assert store.count == 2


async def test_a_failed_publication_is_reported_and_the_next_request_is_served():
    store = CountingStore()
    store.error = BadResponse("The store refuses.")
    async with open_publisher(store) as publisher:
        with pytest.raises(BadResponse, match="refuses"):
            await publisher.publish()
        await publisher.publish()
    assert store.count == 2


async def test_a_cancelled_request_does_not_stop_the_publisher():
    store = CountingStore()
    store.may_publish.clear()
    async with open_publisher(store) as publisher:
        cancelled = asyncio.create_task(publisher.publish())
        await store.has_begun.wait()
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        store.may_publish.set()
        await publisher.publish()
    assert store.count == 2


async def test_the_other_requests_of_a_publication_end_although_the_first_is_cancelled():
    store = CountingStore()
    store.may_publish.clear()
    async with open_publisher(store) as publisher:
        cancelled, other = (asyncio.create_task(publisher.publish()) for _ in range(2))
        await store.has_begun.wait()
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        store.may_publish.set()
        await asyncio.wait_for(other, 60)
    assert store.count == 1


async def test_a_long_run_publishes_again_and_again(monkeypatch):
    monkeypatch.setattr("ingest.pipeline.publishing._REGULAR_SECONDS", 0)
    store = CountingStore()
    async with publish_regularly(store):
        for _ in range(2):
            await store.has_begun.wait()
            store.has_begun.clear()
    stopped_at = store.count
    await asyncio.sleep(0)
    assert store.count == stopped_at
