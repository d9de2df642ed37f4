"""`python -m ingest status` while documents move from the inbox to the collection."""

import json

from ingest.commands.status import read_status
from ingest.settings import Settings
from rag.inbox.base import InboxStatistics, WorkerReport
from rag.inbox.factory import open_inbox, open_worklist
from rag.store.edge.store import open_edge_writer
from tests.support.contracts.store import EMBEDDER, OURS, point, put


class InboxEmptiedMeanwhile:
    """An inbox whose last document reaches the collection while its statistics are read."""

    def __init__(self, writer):
        self._writer = writer

    async def statistics(self) -> InboxStatistics:
        await put(self._writer, OURS, [point("the last", document="last")])
        await self._writer.publish()
        return InboxStatistics(queued=0, processing=0, dead=0, oldest_seconds=0.0)

    async def workers(self) -> list[WorkerReport]:
        return []


async def test_a_document_that_leaves_the_inbox_meanwhile_is_counted_in_the_collection(tmp_path):
    settings = Settings(data_dir=tmp_path)
    async with open_edge_writer(settings.store_dir, EMBEDDER) as writer:
        await put(writer, OURS, [point("the first", document="first")])
        await writer.publish()
        status = await read_status(settings, InboxEmptiedMeanwhile(writer))
    assert (status.inbox.queued + status.inbox.processing, status.collection.documents) == (0, 2)


async def test_each_living_worker_is_listed_with_its_state_and_the_reason_why_it_waits(tmp_path):
    settings = Settings(data_dir=tmp_path)
    async with (
        open_inbox(settings.inbox, root=settings.inbox_dir) as inbox,
        open_worklist(settings.inbox, root=settings.inbox_dir) as first,
        open_worklist(settings.inbox, root=settings.inbox_dir) as second,
    ):
        await first.report(WorkerReport())
        await second.report(WorkerReport(waiting_for="Qdrant cannot be reached."))
        status = await read_status(settings, inbox)
    text, workers = status.to_text(), json.loads(status.to_json())["workers"]
    assert "workers          2\n" in text
    assert sorted(line.split(maxsplit=2)[2] for line in text.splitlines() if line.startswith("  worker")) == [
        "waiting: Qdrant cannot be reached.",
        "working",
    ]
    assert sorted(workers, key=lambda it: it["state"]) == [
        {"state": "waiting", "waiting_for": "Qdrant cannot be reached."},
        {"state": "working", "waiting_for": ""},
    ]


async def test_a_worker_that_has_left_is_not_listed(tmp_path):
    settings = Settings(data_dir=tmp_path)
    async with open_inbox(settings.inbox, root=settings.inbox_dir) as inbox:
        async with open_worklist(settings.inbox, root=settings.inbox_dir) as worklist:
            await worklist.report(WorkerReport())
        status = await read_status(settings, inbox)
    assert status.to_text().endswith("workers          none is running")
