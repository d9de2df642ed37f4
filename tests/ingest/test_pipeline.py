"""What is left when the store fails in the middle of a document: nothing that the next run would not mend."""

import pytest
from qdrant_client import AsyncQdrantClient

from ingest.chunking import Chunker
from ingest.pipeline import ingest_documents
from ingest.resources import open_models
from ingest.settings import Settings
from rag.errors import Unavailable
from rag.store.server import ServerStore, ensure_collection
from rag.types import ChunkFilter, DocumentId, RawDocument, Scope

SCOPE = Scope(tenant="default")


def page(*paragraphs: str) -> RawDocument:
    body = "\n\n".join(f"## Part {number}\n\n{text}" for number, text in enumerate(paragraphs))
    return RawDocument(id=DocumentId("page"), uri="u", media_type="text/markdown", body=body.encode())


class FailingStore(ServerStore):
    """The real adapter, whose n-th write fails."""

    writes_left = 10**9

    async def upsert(self, scope, points):
        self._count()
        await super().upsert(scope, points)

    async def delete(self, scope, document_id, *, keep=()):
        self._count()
        await super().delete(scope, document_id, keep=keep)

    def _count(self):
        self.writes_left -= 1
        if self.writes_left < 0:
            raise Unavailable("The store went away.")


@pytest.fixture
async def models(data_dir):
    async with open_models(Settings(data_dir=data_dir)) as opened:
        yield opened


@pytest.fixture
async def store(models):
    client = AsyncQdrantClient(":memory:")
    await ensure_collection(client, "c", models.embedder.identity)
    yield FailingStore(client, "c")
    await client.close()


async def ingest(store, models, document: RawDocument) -> list[str]:
    async def units():
        yield document

    chunker: Chunker = models.chunker
    outcomes = ingest_documents(units(), store, models.embedder, chunker, SCOPE)
    return [outcome.result async for outcome in outcomes]


async def stored(store) -> list[str]:
    where = ChunkFilter(document_ids=(DocumentId("page"),))
    chunks = [chunk async for chunk in store.scroll(SCOPE, where)]
    return [chunk.text for chunk in sorted(chunks, key=lambda chunk: chunk.ordinal)]


@pytest.mark.parametrize("write", [0, 1, 2])
async def test_a_new_document_that_broke_off_is_taken_in_whole_by_the_next_run(store, models, write):
    store.writes_left = write
    with pytest.raises(Unavailable):
        await ingest(store, models, page("one", "two", "three"))
    store.writes_left = 10**9
    assert await ingest(store, models, page("one", "two", "three")) == ["new"]
    assert await stored(store) == ["one", "two", "three"]


@pytest.mark.parametrize("write", [0, 1, 2])
async def test_a_changed_document_that_broke_off_leaves_nothing_stale(store, models, write):
    await ingest(store, models, page("one", "two", "three"))
    store.writes_left = write
    with pytest.raises(Unavailable):
        await ingest(store, models, page("one", "zwei"))
    store.writes_left = 10**9
    assert await ingest(store, models, page("one", "zwei")) != ["unchanged"]
    assert await stored(store) == ["one", "zwei"]
    assert await ingest(store, models, page("one", "zwei")) == ["unchanged"]
