"""Publications, so that a lone upload is visible at once and a flood does not publish each."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ingest.metrics import LAST_SUCCESS, RETRIES, STAGES
from rag.store.base import VectorStore
from rag.store.retrying import RetryingStore

# Of all time, the share that may go into publishing.
_SHARE = 0.1


class Publisher:
    """One publication serves all who asked before it began."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self._waiting: list[asyncio.Future[None]] = []
        self._asked = asyncio.Event()

    async def publish(self) -> None:
        """Returns when everything committed before the call is visible and durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._asked.set()
        await done

    async def run(self) -> None:
        """Works for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            served, self._waiting = self._waiting, []
            began = time.monotonic()
            # What goes wrong belongs to those who wait for it, not to this loop.
            [failure] = await asyncio.gather(publish_now(self._store), return_exceptions=True)
            for done in served:
                if done.done():
                    continue
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(failure)
            await asyncio.sleep((time.monotonic() - began) * (1 / _SHARE - 1))


async def publish_now(store: VectorStore) -> None:
    with STAGES.stage("publish"):
        await RetryingStore(store, RETRIES.labels("publish")).publish()
    LAST_SUCCESS.set_to_current_time()


@asynccontextmanager
async def open_publisher(store: VectorStore) -> AsyncIterator[Publisher]:
    publisher = Publisher(store)
    run = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
