"""`python -m ingest status` while documents move from the inbox to the collection."""

from ingest.commands.status import read_status
from ingest.settings import Settings
from rag.inbox.base import InboxStatistics
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


async def test_a_document_that_leaves_the_inbox_meanwhile_is_counted_in_the_collection(tmp_path):
    settings = Settings(data_dir=tmp_path)
    async with open_edge_writer(settings.store_dir, EMBEDDER) as writer:
        await put(writer, OURS, [point("the first", document="first")])
        await writer.publish()
        status = await read_status(settings, InboxEmptiedMeanwhile(writer))
    assert (status.inbox.queued + status.inbox.processing, status.collection.documents) == (0, 2)
