"""From one embedder to another: filled beside the first, verified, switched in one step, and back again."""

import asyncio
import time
import zlib
from argparse import Namespace
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
from aiohttp import web
from pydantic import HttpUrl

from ingest.commands.dispatch import carry_out
from ingest.migration.reindex import go_back, reindex
from ingest.settings import Settings
from rag.errors import BadResponse, IndexMismatch, InvalidInput, NotFound, Unavailable
from rag.settings import OpenAIEmbedderSettings, ServerStoreSettings
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import open_edge_reader, open_edge_writer
from rag.store.factory import build_backend, open_writer
from rag.store.server.store import open_server_store
from rag.types import EmbedderIdentity
from tests.support.contracts.store import EMBEDDER, OURS, THEIRS, point, put, texts
from tests.support.fakes.qdrant import serve_qdrant
from tests.support.fakes.servers import serve
from tests.support.programs import ingest

OTHER = EmbedderIdentity(model="other", dimension=16)


def hashed(text: str) -> list[float]:
    return np.random.default_rng(zlib.crc32(text.encode())).standard_normal(16).tolist()


async def at_once(_: list[str]) -> None:
    pass


@asynccontextmanager
async def other_embedder(vector_of=hashed, *, model="other", before=at_once):
    async def embed(request: web.Request) -> web.Response:
        texts_in = (await request.json())["input"]
        await before(texts_in)
        data = [{"index": n, "embedding": vector_of(text)} for n, text in enumerate(texts_in)]
        return web.json_response({"data": data})

    async with serve("/v1/embeddings", embed) as url:
        yield OpenAIEmbedderSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model=model, dimension=16)


def as_point(text: str, **where):
    """With the vector that the embedder gives it."""
    plain = point(text, **where)
    return replace(plain, vector=np.asarray(hashed(plain.chunk.passage), dtype=np.float32))


async def fill(writer) -> None:
    await put(writer, OURS, [point("one"), point("one and a half", ordinal=1), point("two", document="b")])
    await put(writer, THEIRS, [point("three")])
    await writer.publish()


async def test_the_embedded_collection_changes_its_embedder(tmp_path):
    async with other_embedder() as embedder:
        settings = Settings(data_dir=tmp_path, embedder=embedder)
        with pytest.raises(NotFound):
            await reindex(settings, print)
        async with open_edge_writer(settings.store_dir, EMBEDDER) as writer:
            await fill(writer)
        done = await reindex(settings, print)
        assert (done.documents, done.chunks, done.found) == (3, 4, 1.0)
        async with open_edge_reader(settings.store_dir, OTHER) as reader:
            assert await texts(reader, OURS) == {"one", "two"}
            assert await texts(reader, THEIRS) == {"three"}
        with pytest.raises(InvalidInput, match="already"):
            await reindex(settings, print)
        with pytest.raises(InvalidInput, match=f"kept is of {EMBEDDER.model}, and other is configured"):
            await go_back(settings)


FORMS = ["edge", "server"]


@pytest.fixture
async def settings(tmp_path, request):
    """Of a collection that the embedder `first` has filled."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(other_embedder(model="first"))
        settings = Settings(data_dir=tmp_path, embedder=first)
        if request.param == "server":
            port = await stack.enter_async_context(serve_qdrant())
            store = ServerStoreSettings(kind="server", url=HttpUrl("http://127.0.0.1:1"), grpc_port=port)
            settings = settings.model_copy(update={"store": store})
        async with writer_of(settings) as writer:
            await put(writer, OURS, [as_point("one"), as_point("two", document="b")])
            await put(writer, THEIRS, [as_point("three")])
            await writer.publish()
        yield settings


def writer_of(settings: Settings):
    identity = EmbedderIdentity(model=settings.embedder.model, dimension=16)
    return open_writer(settings.store, identity, root=settings.store_dir)


async def change_to(settings: Settings, embedder: OpenAIEmbedderSettings) -> Settings:
    changed = settings.model_copy(update={"embedder": embedder})
    await reindex(changed, print)
    return changed


@pytest.mark.parametrize("settings", FORMS, indirect=True)
@pytest.mark.slow
async def test_the_way_back_takes_what_is_kept_and_brings_what_came_since(settings):
    async with other_embedder() as embedder:
        changed = await change_to(settings, embedder)
        async with writer_of(changed) as writer:
            await put(writer, OURS, [as_point("since then", document="c")])
            await writer.delete(OURS, point("two", document="b").chunk.document_id)
            await writer.publish()
        said: list[str] = []
        await reindex(settings, said.append)
        assert said[0] == "pass 1: 2 documents brought over"
        async with writer_of(settings) as writer:
            assert await texts(writer, OURS) == {"one", "since then"}
            assert await texts(writer, THEIRS) == {"three"}
        # And forward again: neither way embeds anew what both have.
        await reindex(changed, said.append)
        assert said[-1] == "pass 1: 0 documents brought over"


@pytest.mark.parametrize("settings", FORMS, indirect=True)
async def test_a_rollback_never_ends_on_a_collection_that_the_configured_embedder_cannot_search(settings, capsys):
    async with other_embedder() as embedder:
        changed = await change_to(settings, embedder)
        with pytest.raises(InvalidInput, match="kept is of first, and other is configured"):
            await go_back(changed)
        assert await build_backend(settings.store, root=settings.store_dir).embedder() == OTHER
        await carry_out(Namespace(command="reindex", rollback=True, embedder=None), settings)
        assert "Rolled back: restart" in capsys.readouterr().out
        # Somebody else does the same, or a deployment has gone back already.
        with pytest.raises(InvalidInput, match="kept is of other, and first is configured"):
            await go_back(settings)
        async with writer_of(settings) as writer:
            assert await texts(writer, OURS) == {"one", "two"}


@pytest.mark.parametrize("settings", ["server"], indirect=True)
async def test_writers_that_never_rest_lose_nothing_by_the_switch(settings):
    taken_in = {"one", "two"}

    async def write() -> None:
        async with writer_of(settings) as writer:
            with pytest.raises(IndexMismatch):
                for n in range(10_000):
                    await put(writer, OURS, [as_point(f"text {n}", document=f"d{n}", ingested_at=time.time())])
                    taken_in.add(f"text {n}")
                    await asyncio.sleep(0.02)

    writing = asyncio.create_task(write())
    async with other_embedder() as embedder:
        changed = await change_to(settings, embedder)
        await writing
        async with writer_of(changed) as writer:
            assert await texts(writer, OURS) == taken_in


@pytest.mark.parametrize("settings", ["server"], indirect=True)
async def test_of_two_at_once_the_second_stops_when_the_first_has_switched(settings):
    met, go_on = asyncio.Event(), asyncio.Event()

    async def wait(texts_in: list[str]) -> None:
        if any(text.endswith("two") for text in texts_in):
            met.set()
            await go_on.wait()

    async with other_embedder() as embedder, other_embedder(before=wait) as slow:
        second = asyncio.create_task(change_to(settings, slow))
        await asyncio.wait_for(met.wait(), 60)
        changed = await change_to(settings, embedder)
        async with writer_of(changed) as writer:
            await put(writer, OURS, [as_point("since then", document="c")])
            go_on.set()
            with pytest.raises(Unavailable, match="switched nothing"):
                await second
            assert await texts(writer, OURS) == {"one", "two", "since then"}


async def test_what_comes_in_while_it_is_filled_is_there_too(tmp_path):
    async with open_edge_writer(tmp_path / "store", EMBEDDER) as writer:
        await fill(writer)

    late = []

    async def come_late(_: str) -> None:
        async with open_edge_writer(tmp_path / "store", EMBEDDER) as writer:
            await put(writer, OURS, [point("late", document="late")])
            await writer.delete(OURS, point("two", document="b").chunk.document_id)
            await writer.publish()

    def say(line: str) -> None:
        late.append(line)

    async with other_embedder() as embedder:
        settings = Settings(data_dir=tmp_path, embedder=embedder)
        await come_late("")
        await reindex(settings, say)
    async with open_edge_reader(tmp_path / "store", OTHER) as reader:
        assert await texts(reader, OURS) == {"one", "late"}
    assert late[-1].endswith("0 documents brought over")


async def test_the_switch_waits_for_a_writer_that_is_at_work(tmp_path):
    async with open_edge_writer(tmp_path / "store", EMBEDDER) as writer:
        await fill(writer)
    async with other_embedder() as embedder, AsyncExitStack() as at_work:
        at_work.enter_context(Revisions(tmp_path / "store").write_lock())
        reindexing = asyncio.create_task(reindex(Settings(data_dir=tmp_path, embedder=embedder), print))
        await asyncio.wait({reindexing}, timeout=3)
        assert not reindexing.done()
        await at_work.aclose()
        assert (await reindexing).documents == 3


async def test_vectors_that_find_nothing_are_not_switched_to(tmp_path):
    def sound_until_it_is_used(text: str) -> list[float]:
        return np.random.default_rng().standard_normal(16).tolist() if "the same words" in text else hashed(text)

    async with open_edge_writer(tmp_path / "store", EMBEDDER) as writer:
        await put(writer, OURS, [point(f"the same words {n}", document=f"d{n}") for n in range(200)])
        await writer.publish()
    async with other_embedder(sound_until_it_is_used) as embedder:
        with pytest.raises(BadResponse, match="find themselves"):
            await reindex(Settings(data_dir=tmp_path, embedder=embedder), print)
    async with open_edge_reader(tmp_path / "store", EMBEDDER) as reader:
        assert len(await texts(reader, OURS)) == 200


async def test_the_alias_of_a_server_moves_and_readers_of_before_stay_where_they_are(tmp_path):
    async with serve_qdrant() as port, other_embedder() as embedder:
        store = ServerStoreSettings(kind="server", url=HttpUrl("http://127.0.0.1:1"), grpc_port=port, collection="c")
        settings = Settings(data_dir=tmp_path, embedder=embedder, store=store)
        async with open_server_store(store, EMBEDDER) as before:
            await fill(before)
            done = await reindex(settings, print)
            assert (done.documents, done.chunks) == (3, 4)
            assert await texts(before, OURS) == {"one", "two"}
        async with open_server_store(store, OTHER) as after:
            assert await texts(after, OURS) == {"one", "two"}
        await build_backend(store, root=tmp_path).roll_back()
        async with open_server_store(store, EMBEDDER) as again:
            assert await texts(again, OURS) == {"one", "two"}


@pytest.mark.slow
def test_a_deployment_may_ask_for_it_each_time(tmp_path, onnx_models):
    (tmp_path / "models").symlink_to(onnx_models)
    (tmp_path / "a.md").write_text("The pump is in hall three.")
    nothing_yet = ingest("reindex", "--if-needed", data_dir=tmp_path)
    assert (nothing_yet.returncode, nothing_yet.stdout[:13]) == (0, "Nothing to do")
    assert ingest("run", str(tmp_path / "a.md"), data_dir=tmp_path).returncode == 0
    done_already = ingest("reindex", "--if-needed", data_dir=tmp_path)
    assert (done_already.returncode, done_already.stdout[:13]) == (0, "Nothing to do")
    assert ingest("reindex", data_dir=tmp_path).returncode == 1
