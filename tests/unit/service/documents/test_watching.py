"""Requests that wait for the next state of a document."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from rag.errors import Overloaded
from rag.types import DocumentId
from service.documents.watching import InboxWatch, open_inbox_watch
from tests.support.contracts.inbox import OURS, upload

PATIENCE = 60.0


class CountingInbox:
    """The wrapped inbox, with the number of documents of each read."""

    def __init__(self, inbox):
        self._inbox = inbox
        self.reads: list[int] = []

    async def progress(self, scope, document_ids=None):
        self.reads.append(len(document_ids))
        return await self._inbox.progress(scope, document_ids)


async def entry_of(installation, name="a"):
    [entry] = await installation.inbox.progress(OURS, [DocumentId(name)])
    return entry


@asynccontextmanager
async def waiting(watch, entry, seconds=PATIENCE):
    task = asyncio.create_task(watch.wait(OURS, entry, seconds))
    await asyncio.sleep(0)
    yield task
    await asyncio.wait_for(task, PATIENCE)


async def test_a_request_waits_until_the_state_changes(installation):
    await installation.inbox.put(upload("a"))
    async with open_inbox_watch(installation.inbox, asyncio.Event()) as watch:
        began = time.monotonic()
        async with waiting(watch, await entry_of(installation)):
            claimed = await installation.worklist.claim()
        async with waiting(watch, await entry_of(installation)):
            await installation.worklist.acknowledge(claimed)
        assert time.monotonic() - began < PATIENCE / 2


async def test_a_change_before_the_request_waits_is_not_missed(installation):
    await installation.inbox.put(upload("a"))
    known = await entry_of(installation)
    await installation.worklist.claim()
    async with open_inbox_watch(installation.inbox, asyncio.Event()) as watch, waiting(watch, known):
        pass


async def test_a_request_returns_when_its_time_is_over(installation):
    await installation.inbox.put(upload("a"))
    async with open_inbox_watch(installation.inbox, asyncio.Event()) as watch:
        await watch.wait(OURS, await entry_of(installation), 0.05)


async def test_a_stop_ends_all_requests(installation):
    await installation.inbox.put(upload("a"))
    stopping = asyncio.Event()
    async with open_inbox_watch(installation.inbox, stopping) as watch, waiting(watch, await entry_of(installation)):
        stopping.set()


async def test_many_requests_cost_one_read_of_the_inbox(installation):
    inbox = CountingInbox(installation.inbox)
    names = [f"d{number}" for number in range(20)]
    for name in names:
        await installation.inbox.put(upload(name))
    entries = [await entry_of(installation, name) for name in names]
    async with open_inbox_watch(inbox, asyncio.Event()) as watch:
        await asyncio.gather(*(watch.wait(OURS, entry, 1.0) for entry in entries for _ in range(5)))
        reads = list(inbox.reads)
        # Some requests may have given up before the last read.
        assert reads[0] == max(reads) == len(names)
        assert len(reads) < len(names)
        # Without a waiting request, the inbox is left alone.
        await asyncio.sleep(0.6)
        assert len(inbox.reads) <= len(reads) + 1


async def test_too_many_waiting_requests_are_refused(installation):
    await installation.inbox.put(upload("a"))
    watch = InboxWatch(installation.inbox, asyncio.Event(), max_waiting=1)
    entry = await entry_of(installation)
    first = asyncio.create_task(watch.wait(OURS, entry, PATIENCE))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await watch.wait(OURS, entry, PATIENCE)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await watch.wait(OURS, entry, 0.01)
