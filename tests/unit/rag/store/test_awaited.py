"""A reader of a Qdrant server that is not there yet, or has no collection yet."""

import asyncio

import pytest

from rag.errors import IndexMismatch, Misconfigured, Unavailable
from rag.settings import ServerStoreSettings
from rag.store.awaited import open_awaited_reader
from rag.store.server.backend import ServerBackend
from rag.store.server.store import open_server_store
from rag.tasks import ended_tasks
from rag.types import EmbedderIdentity
from tests.support.contracts.store import EMBEDDER, OURS, point, put, query
from tests.support.fakes.qdrant import open_qdrant


@pytest.fixture
async def server(monkeypatch):
    monkeypatch.setattr("rag.store.awaited._RETRY_SECONDS", 0.01)
    async with open_qdrant() as opened:
        yield opened


def settings_of(server) -> ServerStoreSettings:
    return ServerStoreSettings(kind="server", url="http://127.0.0.1:1", grpc_port=server.port)


async def reason_of(reader) -> str:
    with pytest.raises(Unavailable) as raised:
        await reader.search(OURS, query("one"), limit=1)
    return str(raised.value)


async def until_reason(reader, text: str) -> None:
    async with asyncio.timeout(60):
        while text not in await reason_of(reader):  # noqa: ASYNC110 - the reader announces no change
            await asyncio.sleep(0.01)


async def test_a_reader_waits_for_the_server_and_then_for_a_collection(server):
    await server.stop()
    async with open_awaited_reader(ServerBackend(settings_of(server)), EMBEDDER) as reader:
        assert "Qdrant cannot be reached" in await reason_of(reader)
        assert reader.revision == ""
        await server.start()
        await until_reason(reader, "There is no collection groundwork on the Qdrant server.")
        assert server.created == {}, "a reader creates nothing"
        async with open_server_store(settings_of(server), EMBEDDER) as writer:
            await put(writer, OURS, [point("one")])
        async with asyncio.timeout(60):
            while not reader.revision:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert [hit.chunk.text for hit in await reader.search(OURS, query("one"), limit=1)] == ["one"]


async def test_a_collection_of_another_embedder_ends_the_start(server):
    async with open_server_store(settings_of(server), EmbedderIdentity(model="another", dimension=8)):
        pass
    with pytest.raises(IndexMismatch, match="another"):
        async with open_awaited_reader(ServerBackend(settings_of(server)), EMBEDDER):
            pass


async def test_a_server_that_is_too_old_ends_the_start_or_is_the_reason(server):
    server.version = "1.18.0"
    with pytest.raises(Misconfigured, match=r"1\.18\.0"):
        async with open_awaited_reader(ServerBackend(settings_of(server)), EMBEDDER):
            pass
    await server.stop()
    async with open_awaited_reader(ServerBackend(settings_of(server)), EMBEDDER) as reader:
        await server.start()
        await until_reason(reader, "has version 1.18.0")


async def test_a_reader_that_is_not_opened_any_more_is_shown_by_readiness_probes():
    class Defective(ServerBackend):
        def open_reader(self, _):
            raise ZeroDivisionError

    backend = Defective(ServerStoreSettings(kind="server", url="http://127.0.0.1:1"))
    async with open_awaited_reader(backend, EMBEDDER), asyncio.timeout(60):
        while not ended_tasks():  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert [(it.name, it.essential) for it in ended_tasks()] == [("store_opening", True)]
