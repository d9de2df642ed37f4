"""`reindex` fills a second collection, verifies it, switches in one step, and can be rolled back."""

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

from ingest.commands.reindex import run
from ingest.migration.reindex import reindex, roll_back_reindex
from ingest.settings import Settings
from rag.errors import BadResponse, IndexMismatch, InvalidInput, NotFound, Unavailable
from rag.settings import OpenAIEmbedderSettings, ServerStoreSettings
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import open_edge_reader, open_edge_writer
from rag.store.factory import build_backend
from rag.store.server.store import open_server_store
from rag.types import EmbedderIdentity
from tests.support.contracts.store import EMBEDDER, OURS, THEIRS, point, put, texts
from tests.support.fakes.qdrant import serve_qdrant
from tests.support.fakes.servers import serve
from tests.support.programs import ingest

# Each test fills two collections.
pytestmark = pytest.mark.slow

OTHER = EmbedderIdentity(model="other", dimension=16)


def hashed(text: str) -> list[float]:
    return np.random.default_rng(zlib.crc32(text.encode())).standard_normal(16).tolist()


async def no_delay(_: list[str]) -> None:
    pass


@asynccontextmanager
async def other_embedder(vector_of=hashed, *, model="other", before=no_delay):
    async def embed(request: web.Request) -> web.Response:
        texts_in = (await request.json())["input"]
        await before(texts_in)
        data = [{"index": n, "embedding": vector_of(text)} for n, text in enumerate(texts_in)]
        return web.json_response({"data": data})

    async with serve("/v1/embeddings", embed) as url:
        yield OpenAIEmbedderSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model=model, dimension=16)


def as_point(text: str, **where):
    """Return a point with the vector that `other_embedder` gives it."""
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
        assert (done.documents, done.chunks, done.self_recall) == (3, 4, 1.0)
        async with open_edge_reader(settings.store_dir, OTHER) as reader:
            assert await texts(reader, OURS) == {"one", "two"}
            assert await texts(reader, THEIRS) == {"three"}
        with pytest.raises(InvalidInput, match="already"):
            await reindex(settings, print)
        with pytest.raises(InvalidInput, match=f"embedded by {EMBEDDER.model}, but other is configured"):
            await roll_back_reindex(settings)


FORMS = ["edge", "server"]


@pytest.fixture
async def settings(tmp_path, request):
    """Settings for a collection that the embedder `first` has filled."""
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
    return build_backend(settings.store, root=settings.store_dir).open_writer(identity)


async def change_to(settings: Settings, embedder: OpenAIEmbedderSettings) -> Settings:
    changed = settings.model_copy(update={"embedder": embedder})
    await reindex(changed, print)
    return changed


@pytest.mark.parametrize("settings", FORMS, indirect=True)
async def test_a_reindex_to_the_previous_embedder_reuses_its_collection_and_adds_later_changes(settings):
    async with other_embedder() as embedder:
        changed = await change_to(settings, embedder)
        async with writer_of(changed) as writer:
            await put(writer, OURS, [as_point("since then", document="c")])
            await writer.delete(OURS, point("two", document="b").chunk.document_id)
            await writer.publish()
        said: list[str] = []
        await reindex(settings, said.append)
        assert said[0] == "pass 1: 2 documents updated"
        async with writer_of(settings) as writer:
            assert await texts(writer, OURS) == {"one", "since then"}
            assert await texts(writer, THEIRS) == {"three"}
        # And forward again: neither direction embeds a document that both collections have.
        await reindex(changed, said.append)
        assert said[-1] == "pass 1: 0 documents updated"


@pytest.mark.parametrize("settings", FORMS, indirect=True)
async def test_a_rollback_is_refused_if_the_configured_embedder_cannot_search_the_collection(settings, capsys):
    async with other_embedder() as embedder:
        changed = await change_to(settings, embedder)
        with pytest.raises(InvalidInput, match="embedded by first, but other is configured"):
            await roll_back_reindex(changed)
        assert await build_backend(settings.store, root=settings.store_dir).embedder() == OTHER
        await run(Namespace(rollback=True, embedder=None), settings)
        assert "Rolled back. Restart" in capsys.readouterr().out
        # Another operator does the same, or a deployment has rolled back already.
        with pytest.raises(InvalidInput, match="embedded by other, but first is configured"):
            await roll_back_reindex(settings)
        async with writer_of(settings) as writer:
            assert await texts(writer, OURS) == {"one", "two"}


@pytest.mark.parametrize("settings", ["server"], indirect=True)
async def test_busy_writers_lose_no_document_in_the_switch(settings):
    ingested = {"one", "two"}

    async def write() -> None:
        async with writer_of(settings) as writer:
            with pytest.raises(IndexMismatch):
                for n in range(10_000):
                    await put(writer, OURS, [as_point(f"text {n}", document=f"d{n}", ingested_at=time.time())])
                    ingested.add(f"text {n}")
                    # A pass of a busy machine would never catch up with a faster writer.
                    await asyncio.sleep(0.2)

    writing = asyncio.create_task(write())
    async with other_embedder() as embedder:
        changed = await change_to(settings, embedder)
        await writing
        async with writer_of(changed) as writer:
            assert await texts(writer, OURS) == ingested


@pytest.mark.parametrize("settings", ["server"], indirect=True)
async def test_the_slower_of_two_reindexes_stops_when_the_faster_one_has_switched(settings):
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
            with pytest.raises(Unavailable, match="nothing was switched"):
                await second
            assert await texts(writer, OURS) == {"one", "two", "since then"}


async def test_changes_during_a_reindex_are_in_the_new_collection(tmp_path):
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
    assert late[-1].endswith("0 documents updated")


async def test_the_switch_waits_for_a_writer(tmp_path):
    async with open_edge_writer(tmp_path / "store", EMBEDDER) as writer:
        await fill(writer)
    async with other_embedder() as embedder, AsyncExitStack() as at_work:
        at_work.enter_context(Revisions(tmp_path / "store").write_lock())
        reindexing = asyncio.create_task(reindex(Settings(data_dir=tmp_path, embedder=embedder), print))
        await asyncio.wait({reindexing}, timeout=3)
        assert not reindexing.done()
        await at_work.aclose()
        assert (await reindexing).documents == 3


async def test_a_collection_with_wrong_vectors_is_not_switched_to(tmp_path):
    def valid_during_the_checks(text: str) -> list[float]:
        return np.random.default_rng().standard_normal(16).tolist() if "the same words" in text else hashed(text)

    async with open_edge_writer(tmp_path / "store", EMBEDDER) as writer:
        await put(writer, OURS, [point(f"the same words {n}", document=f"d{n}") for n in range(200)])
        await writer.publish()
    async with other_embedder(valid_during_the_checks) as embedder:
        with pytest.raises(BadResponse, match="found by their own text"):
            await reindex(Settings(data_dir=tmp_path, embedder=embedder), print)
    async with open_edge_reader(tmp_path / "store", EMBEDDER) as reader:
        assert len(await texts(reader, OURS)) == 200


async def test_the_alias_of_a_server_moves_and_open_readers_stay_on_their_collection(tmp_path):
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


def test_if_needed_succeeds_without_a_collection_and_with_the_same_embedder(tmp_path, onnx_models):
    (tmp_path / "models").symlink_to(onnx_models)
    (tmp_path / "a.md").write_text("The pump is in hall three.")
    nothing_yet = ingest("reindex", "--if-needed", data_dir=tmp_path)
    assert (nothing_yet.returncode, nothing_yet.stdout[:13]) == (0, "Nothing to do")
    assert ingest("run", str(tmp_path / "a.md"), data_dir=tmp_path).returncode == 0
    done_already = ingest("reindex", "--if-needed", data_dir=tmp_path)
    assert (done_already.returncode, done_already.stdout[:13]) == (0, "Nothing to do")
    assert ingest("reindex", data_dir=tmp_path).returncode == 1
