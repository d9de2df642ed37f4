"""The store contract on the server adapter: in qdrant-client's local mode, over gRPC, and on a real server."""

import asyncio
import time
import uuid
from contextlib import AsyncExitStack

import pytest
from pydantic import HttpUrl
from qdrant_client import AsyncQdrantClient, models

from rag.errors import IndexMismatch, NotFound, Unavailable
from rag.settings import ServerStoreSettings
from rag.store.server.backend import ServerBackend
from rag.store.server.collections import Collections
from rag.store.server.connection import open_client
from rag.store.server.store import ServerStore, open_server_store
from rag.types import EVERYTHING, DocumentId, EmbedderIdentity
from tests.support.contracts.store import EMBEDDER, OURS, StoreContract, point, put, query, texts
from tests.support.fakes.qdrant import open_qdrant, serve_qdrant
from tests.support.fakes.qdrant_rest import open_rest_qdrant
from tests.support.servers.qdrant_server import drop_collections, needs_real_qdrant, real_qdrant


def settings_for(url: str, grpc_port: int) -> ServerStoreSettings:
    collection = f"contract-{uuid.uuid4()}"
    return ServerStoreSettings(kind="server", url=HttpUrl(url), grpc_port=grpc_port, collection=collection, timeout=30)


class TestServerStoreInLocalMode(StoreContract):
    @pytest.fixture
    async def store(self):
        client = AsyncQdrantClient(":memory:")
        yield ServerStore(client, await Collections(client, "contract").open(EMBEDDER))
        await client.close()


class TestServerStoreOverTheWire(StoreContract):
    """Also tests the gRPC messages, which local mode does not use."""

    @pytest.fixture
    async def store(self):
        async with (
            serve_qdrant() as port,
            open_server_store(settings_for("http://127.0.0.1:1", port), EMBEDDER) as store,
        ):
            yield store


@pytest.mark.slow
class TestServerStoreByRest(StoreContract):
    """Behind an HTTP ingress, whose URL has a path."""

    @pytest.fixture
    async def store(self):
        async with open_rest_qdrant() as server:
            settings = ServerStoreSettings(kind="server", url=HttpUrl(server.url), transport="rest", timeout=30)
            async with open_server_store(settings, EMBEDDER) as store:
                yield store


@needs_real_qdrant
class TestServerStoreOnARealServer(StoreContract):
    @pytest.fixture
    async def store(self):
        settings = real_qdrant("contract", timeout=30)
        async with open_server_store(settings, EMBEDDER) as store:
            yield store
        await drop_collections(settings)


async def test_a_collection_over_the_wire_remembers_its_embedder():
    async with serve_qdrant() as port:
        settings = settings_for("http://127.0.0.1:1", port)
        async with open_server_store(settings, EMBEDDER):
            pass
        with pytest.raises(IndexMismatch):
            async with open_server_store(settings, EmbedderIdentity(model="another", dimension=8)):
                pass


async def test_writers_that_start_together_on_an_empty_server_share_one_collection():
    async with serve_qdrant() as port:
        settings = settings_for("http://127.0.0.1:1", port)
        async with AsyncExitStack() as stack:
            opening = [stack.enter_async_context(open_server_store(settings, EMBEDDER)) for _ in range(4)]
            stores = await asyncio.gather(*opening)
            await put(stores[0], OURS, [point("one")])
            assert [await texts(store, OURS) for store in stores] == [{"one"}] * 4


async def test_a_collection_of_another_program_is_refused():
    client = AsyncQdrantClient(":memory:")
    await client.create_collection("foreign", models.VectorParams(size=8, distance=models.Distance.COSINE))
    with pytest.raises(IndexMismatch, match="another program"):
        await Collections(client, "contract").embedder_of("foreign")
    await client.close()


async def test_the_alias_moves_to_the_next_collection_and_back():
    client = AsyncQdrantClient(":memory:")
    collections = Collections(client, "contract")
    first = await collections.open(EMBEDDER)
    second = await collections.successor(EmbedderIdentity(model="other", dimension=8))
    await collections.create(second, EmbedderIdentity(model="another", dimension=16))
    await collections.switch_to(second)
    assert (await collections.current(), await collections.fallback()) == (second, first)
    assert (await collections.embedder_of(second)).model == "another"
    await collections.roll_back()
    assert (await collections.current(), await collections.fallback()) == (first, second)
    await client.close()


async def test_a_successor_is_reused_only_for_its_own_embedder():
    client = AsyncQdrantClient(":memory:")
    collections = Collections(client, "contract")
    first, other = await collections.open(EMBEDDER), EmbedderIdentity(model="other", dimension=8)
    second = await collections.successor(other)
    await collections.create(second, other)
    assert await collections.successor(other) == second
    await collections.switch_to(second)
    assert await collections.successor(EMBEDDER) == first
    third = await collections.successor(EmbedderIdentity(model="third", dimension=8))
    assert third not in {first, second}
    await client.close()


async def test_a_catalogue_is_opened_without_creating_a_collection():
    async with serve_qdrant() as port:
        settings = settings_for("http://127.0.0.1:1", port)
        async with ServerBackend(settings).open_catalogue() as missing:
            assert missing is None
        async with open_server_store(settings, EMBEDDER) as store:
            await put(store, OURS, [point("one")])
        async with ServerBackend(settings).open_catalogue() as catalogue:
            assert await texts(catalogue, OURS) == {"one"}


async def test_the_copy_of_a_node_is_opened_without_creating_a_collection():
    async with serve_qdrant() as port:
        settings = settings_for("http://127.0.0.1:1", port)
        with pytest.raises(NotFound, match=rf"no collection {settings.collection} on 127\.0\.0\.1:{port}"):
            async with ServerBackend(settings).open_copies(()):
                pass
        async with open_server_store(settings, EMBEDDER) as store:
            await put(store, OURS, [point("one")])
        async with ServerBackend(settings).open_copies(()) as copies:
            assert [(node, await texts(copy, OURS)) for node, copy in copies.items()] == [
                (f"127.0.0.1:{port}", {"one"})
            ]


async def test_an_open_store_follows_the_alias_and_refuses_another_embedder(monkeypatch):
    monkeypatch.setattr("rag.store.server.reader._WATCH_SECONDS", 0.01)
    async with serve_qdrant() as port:
        settings = settings_for("http://127.0.0.1:1", port)
        async with open_server_store(settings, EMBEDDER) as store, open_client(settings) as client:
            collections = Collections(client, settings.collection)
            await put(store, OURS, [point("old")])
            next_one = await collections.unused()
            await collections.create(next_one, EMBEDDER)
            await collections.switch_to(next_one)
            async with asyncio.timeout(60):
                while store.revision != next_one:
                    await collections.current()
            assert await texts(store, OURS) == set()
            await put(store, OURS, [point("new")])
            foreign = await collections.unused()
            await collections.create(foreign, EmbedderIdentity(model="other", dimension=8))
            await collections.switch_to(foreign)
            with pytest.raises(IndexMismatch, match="other"):
                async with asyncio.timeout(60):
                    while True:
                        await store.delete(OURS, DocumentId("unknown"))
            assert await texts(store, OURS) == {"new"}


async def test_an_unreachable_server_is_unavailable():
    settings = settings_for("http://127.0.0.1:9", 9)
    with pytest.raises(Unavailable):
        async with open_server_store(settings, EMBEDDER):
            pass


@pytest.mark.slow
async def test_calls_that_a_stopping_server_breaks_off_are_retryable():
    """Many calls run, because a race decides whether a call is cancelled or loses its connection."""

    async def search_on(store):
        for _ in range(1000):
            await store.search(OURS, query("one"), limit=1)

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(open_qdrant())
        settings = settings_for("http://127.0.0.1:1", server.port)
        store = await stack.enter_async_context(open_server_store(settings, EMBEDDER))
        searches = [asyncio.create_task(search_on(store)) for _ in range(20)]
        await asyncio.sleep(0.5)
        await server.stop()
        failures = await asyncio.gather(*searches, return_exceptions=True)
    assert {type(failure) for failure in failures} == {Unavailable}


async def test_a_commit_keeps_points_that_another_process_is_staging():
    client = AsyncQdrantClient(":memory:")
    collection = await Collections(client, "contract").open(EMBEDDER)
    ours, others = ServerStore(client, collection), ServerStore(client, collection)
    await ours.stage(OURS, [point("one")])
    await put(others, OURS, [point("another state", version="v2")])
    await ours.stage(OURS, [point("two", ordinal=1)])
    await ours.commit(OURS, DocumentId("doc"), "v1")
    assert await texts(ours, OURS, EVERYTHING) == {"one", "two"}
    await client.close()


async def test_a_document_is_partial_if_only_some_points_of_its_version_are_live():
    client = AsyncQdrantClient(":memory:")
    collection = await Collections(client, "contract").open(EMBEDDER)
    store, versions = ServerStore(client, collection), {DocumentId("doc"): "v1", DocumentId("whole"): "v1"}
    await put(store, OURS, [point("one"), point("two", ordinal=1), point("three", document="whole")])
    assert await store.find_partial(OURS, versions) == set()
    second = models.FieldCondition(key="ordinal", match=models.MatchValue(value=1))
    await client.set_payload(collection, {"state": "staged"}, models.Filter(must=[second]))
    assert await store.find_partial(OURS, versions) == {"doc"}
    assert await store.find_partial(OURS, {}) == set()
    await client.close()


async def test_only_old_staged_points_are_deleted_as_abandoned():
    client = AsyncQdrantClient(":memory:")
    collection = await Collections(client, "contract").open(EMBEDDER)
    store = ServerStore(client, collection)
    await put(store, OURS, [point("seen")])
    await store.stage(OURS, [point("left over", document="a")])
    await client.set_payload(collection, {"staged_at": time.time() - 48 * 3600}, models.Filter())
    await store.stage(OURS, [point("under way", document="b")])
    await store.delete_abandoned()
    left, _ = await client.scroll(collection)
    assert {record.payload["text"] for record in left} == {"seen", "under way"}
    await client.close()
