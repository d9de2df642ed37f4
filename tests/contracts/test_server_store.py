"""The store contract on the server adapter: over qdrant-client's local mode, and over a real server."""

import os
import uuid

import pytest
from pydantic import HttpUrl
from qdrant_client import AsyncQdrantClient

from rag.errors import IndexMismatch, Unavailable
from rag.settings import ServerStoreSettings
from rag.store.server import ServerStore, ensure_collection, open_server_store
from rag.types import EmbedderIdentity
from tests.contracts.store import EMBEDDER, StoreContract

REAL_SERVER = os.environ.get("RAG_TEST_QDRANT_URL")


class TestServerStoreInLocalMode(StoreContract):
    @pytest.fixture
    async def store(self):
        client = AsyncQdrantClient(":memory:")
        await ensure_collection(client, "contract", EMBEDDER)
        yield ServerStore(client, "contract")
        await client.close()


@pytest.mark.skipif(not REAL_SERVER, reason="RAG_TEST_QDRANT_URL names no Qdrant server")
class TestServerStoreOnARealServer(StoreContract):
    @pytest.fixture
    async def store(self):
        settings = ServerStoreSettings(
            kind="server",
            url=HttpUrl(REAL_SERVER),
            grpc_port=int(os.environ.get("RAG_TEST_QDRANT_GRPC_PORT", "6334")),
            collection=f"contract-{uuid.uuid4()}",
        )
        async with open_server_store(settings, EMBEDDER) as store:
            yield store
            client = AsyncQdrantClient(REAL_SERVER)
            await client.delete_collection(settings.collection)
            await client.close()


async def test_a_collection_of_another_embedder_is_refused():
    client = AsyncQdrantClient(":memory:")
    await ensure_collection(client, "contract", EMBEDDER)
    with pytest.raises(IndexMismatch):
        await ensure_collection(client, "contract", EmbedderIdentity(model="another", dimension=8))
    await client.close()


async def test_a_server_that_is_down_is_unavailable():
    settings = ServerStoreSettings(kind="server", url=HttpUrl("http://127.0.0.1:9"), grpc_port=9, timeout=1)
    with pytest.raises(Unavailable):
        async with open_server_store(settings, EMBEDDER):
            pass
