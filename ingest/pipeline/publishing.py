"""Publishes the store: at once after a single upload, and with bounded effort during many."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ingest.metrics import LAST_SUCCESS, RETRIES, STAGES
from rag.store.base import VectorStore
from rag.store.retrying import RetryingStore
from rag.tasks import depend_on

# The share of the time that may be spent on publishing: under load each publication serves many documents.
_SHARE = 0.1
# Limits how much work a killed run loses, and how long a reader waits for the first documents of a long run.
_REGULAR_SECONDS = 60


class Publisher:
    """Publishes on request. One publication serves all requests that arrived before it began."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self._waiting: list[asyncio.Future[None]] = []
        self._requested = asyncio.Event()

    async def publish(self) -> None:
        """Return when everything that was committed before this call is visible and durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._requested.set()
        await done

    async def run(self) -> None:
        """Serve requests until cancelled."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            served, self._waiting = self._waiting, []
            began = time.monotonic()
            # An error is raised in the tasks that wait, because this loop must go on.
            [error] = await asyncio.gather(publish_now(self._store), return_exceptions=True)
            for done in served:
                if done.done():
                    continue
                if error:
                    done.set_exception(error)
                else:
                    done.set_result(None)
            await asyncio.sleep((time.monotonic() - began) * (1 / _SHARE - 1))


async def publish_now(store: VectorStore) -> None:
    """Publish, and count the time for the metrics."""
    with STAGES.stage("publish"):
        await RetryingStore(store, RETRIES.labels("publish")).publish()
    LAST_SUCCESS.set_to_current_time()


@asynccontextmanager
async def open_publisher(store: VectorStore) -> AsyncIterator[Publisher]:
    publisher = Publisher(store)
    async with depend_on("publisher", publisher.run()):
        yield publisher


@asynccontextmanager
async def publish_regularly(store: VectorStore) -> AsyncIterator[None]:
    """Publish every minute inside the block; the caller publishes once more at its end."""

    async def publish_for_ever() -> None:
        while True:
            await asyncio.sleep(_REGULAR_SECONDS)
            await publish_now(store)

    async with depend_on("regular_publisher", publish_for_ever()):
        yield
