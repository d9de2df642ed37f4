"""What a store may do with the rights of its key, and with the limits that Qdrant Cloud sets."""

import pytest

from rag.errors import AccessRefused, CollectionMissing
from rag.settings import ServerStoreSettings
from rag.store.server.backend import ServerBackend
from rag.types import EVERYTHING, ChunkFilter, DocumentId
from tests.support.contracts.store import EMBEDDER, OURS, point, put, query, texts
from tests.support.fakes.qdrant import QdrantServer, open_qdrant
from tests.support.fakes.qdrant_rights import MANAGE, READ_ONLY, Grant, Rights
from tests.support.fakes.qdrant_strict import Strict

TOKEN = Grant(names=frozenset({"groundwork", "groundwork-1"}))


def backend_on(server: QdrantServer, key: str | None = "manage") -> ServerBackend:
    return ServerBackend(
        ServerStoreSettings.model_validate(
            {"kind": "server", "url": "http://127.0.0.1:1", "grpc_port": server.port, "api_key": key}
        )
    )


@pytest.mark.parametrize("grant", [READ_ONLY, TOKEN], ids=["read-only key", "token"])
async def test_a_reader_needs_the_right_to_read_and_creates_nothing(monkeypatch, grant):
    monkeypatch.setattr("rag.store.server.reader._WATCH_SECONDS", 0.01)
    rights = Rights({"manage": MANAGE, "read": grant})
    async with open_qdrant(rights) as server:
        with pytest.raises((CollectionMissing, AccessRefused)):
            async with backend_on(server, "read").open_reader(EMBEDDER):
                pass
        async with (
            backend_on(server).open_writer(EMBEDDER) as writer,
            backend_on(server, "read").open_reader(EMBEDDER) as reader,
        ):
            await put(writer, OURS, [point("one"), point("two", document="other")])
            assert len(await reader.search(OURS, query("one"), limit=5)) == 2
            assert await texts(reader, OURS) == {"one", "two"}
            assert (await reader.survey(since=0)).documents == 2
            assert len([it async for it in reader.documents(OURS, newest_first=True)]) == 2
            assert rights.refused == []


@pytest.mark.parametrize(("key", "said"), [("old", "refused the API key"), (None, "refused the API key")])
async def test_a_wrong_or_missing_key_names_the_setting(key, said):
    async with open_qdrant(Rights({"manage": MANAGE})) as server:
        with pytest.raises(AccessRefused, match=rf"{said}.*RAG_STORE__API_KEY"):
            async with backend_on(server, key).open_reader(EMBEDDER):
                pass


async def test_every_field_that_is_filtered_has_an_index():
    strict = Strict()
    async with open_qdrant(strict) as server, backend_on(server).open_writer(EMBEDDER) as store:
        await put(store, OURS, [point("one", language="en", metadata={"team": "a"})])
        where = ChunkFilter(
            document_ids=(DocumentId("doc"),),
            uris=("file:///doc.md",),
            uri_prefixes=("file:///",),
            media_types=("text/markdown",),
            ordinals=(0,),
            metadata={"team": ("a",)},
            ingested_since=0.0,
            ingested_before=9.0,
        )
        assert len(await store.search(OURS, query("one"), limit=5, where=where)) == 1
        assert await texts(store, OURS, EVERYTHING) == {"one"}
        assert len([it async for it in store.documents(OURS, newest_first=True)]) == 1
        assert (await store.survey(since=0)).documents == 1
        await store.commit(OURS, DocumentId("doc"), "v1", order=3)
        await store.delete(OURS, DocumentId("doc"), order=4)
        assert strict.refused == []


async def test_a_writer_completes_the_indexes_of_an_earlier_version():
    strict = Strict()
    async with open_qdrant(strict) as server:
        async with backend_on(server).open_writer(EMBEDDER):
            strict.indexed["groundwork-1"] -= {"staged_at", "order"}
        async with backend_on(server).open_writer(EMBEDDER) as store:
            await put(store, OURS, [point("one")])
        assert strict.refused == []
