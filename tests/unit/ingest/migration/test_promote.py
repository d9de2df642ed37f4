"""`promote` copies the embedded collection to a server, over the wire."""

import pytest
from pydantic import HttpUrl

from ingest.migration.promote import promote
from ingest.settings import Settings
from rag.errors import NotFound
from rag.settings import ServerStoreSettings
from rag.store.edge.store import open_edge_writer
from rag.store.server.store import open_server_store
from tests.support.contracts.store import EMBEDDER, OURS, THEIRS, point, put, texts
from tests.support.fakes.qdrant import open_qdrant, serve_qdrant
from tests.support.fakes.qdrant_faults import NEW_COLLECTION, Fault


def server_at(port: int) -> ServerStoreSettings:
    return ServerStoreSettings(kind="server", url=HttpUrl("http://127.0.0.1:1"), grpc_port=port, collection="c")


@pytest.mark.slow
async def test_documents_of_every_tenant_arrive_once_with_their_vectors(tmp_path):
    settings = Settings(data_dir=tmp_path)
    async with open_edge_writer(settings.store_dir, EMBEDDER) as writer:
        await put(writer, OURS, [point("one", axis=3), point("two", document="b")])
        await put(writer, THEIRS, [point("three")])
        await writer.publish()
    async with serve_qdrant() as port:
        assert await promote(settings, server_at(port)) == (3, 3)
        assert await promote(settings, server_at(port)) == (3, 3)
        async with open_server_store(server_at(port), EMBEDDER) as server:
            assert await texts(server, OURS) == {"one", "two"}
            assert await texts(server, THEIRS) == {"three"}
            vectors = {copied.chunk.text: copied.vector async for copied in server.scroll_points(OURS)}
            assert vectors["one"][3] == pytest.approx(1)


@pytest.mark.slow
async def test_first_writes_that_a_new_collection_refuses_are_repeated(tmp_path):
    settings = Settings(data_dir=tmp_path)
    async with open_edge_writer(settings.store_dir, EMBEDDER) as writer:
        await put(writer, OURS, [point("one")])
        await writer.publish()
    async with open_qdrant() as server:
        server.faults.answer_with(Fault(NEW_COLLECTION.code, NEW_COLLECTION.text, frozenset({"Upsert"})), times=2)
        assert await promote(settings, server_at(server.port)) == (1, 1)
        assert server.faults.answered == 2


@pytest.mark.slow
async def test_a_newer_version_on_the_server_stays(tmp_path):
    settings = Settings(data_dir=tmp_path)
    async with open_edge_writer(settings.store_dir, EMBEDDER) as writer:
        await put(writer, OURS, [point("old version", version="1"), point("b", document="b")])
        await writer.publish()
    async with serve_qdrant() as port:
        await promote(settings, server_at(port))
        async with open_server_store(server_at(port), EMBEDDER) as server:
            await put(server, OURS, [point("new version", version="2", ingested_at=2.5)])
            await promote(settings, server_at(port))
            assert await texts(server, OURS) == {"new version", "b"}


async def test_a_missing_collection_is_reported(tmp_path):
    with pytest.raises(NotFound, match="no embedded collection"):
        await promote(Settings(data_dir=tmp_path), server_at(1))
