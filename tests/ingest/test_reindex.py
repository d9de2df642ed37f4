"""From one embedder to another: filled beside the first, verified, switched in one step, and back again."""

import asyncio
from argparse import Namespace
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np
import pytest
from aiohttp import web
from pydantic import HttpUrl

from evals.performance.programs import ingest
from ingest.commands import carry_out
from ingest.reindex import reindex
from ingest.settings import Settings
from rag.errors import BadResponse, InvalidInput, NotFound
from rag.settings import OpenAIEmbedderSettings, ServerStoreSettings
from rag.store.edge import open_edge_reader, open_edge_writer
from rag.store.revisions import Revisions
from rag.store.server import open_server_store
from rag.store.succession import roll_back
from rag.types import EmbedderIdentity
from tests.contracts.store import EMBEDDER, OURS, THEIRS, point, put, texts
from tests.fakes.qdrant import serve_qdrant
from tests.fakes.servers import serve

OTHER = EmbedderIdentity(model="other", dimension=16)


def hashed(text: str) -> list[float]:
    return np.random.default_rng(abs(hash(text))).standard_normal(16).tolist()


@asynccontextmanager
async def other_embedder(vector_of=hashed):
    async def embed(request: web.Request) -> web.Response:
        texts_in = (await request.json())["input"]
        data = [{"index": n, "embedding": vector_of(text)} for n, text in enumerate(texts_in)]
        return web.json_response({"data": data})

    async with serve("/v1/embeddings", embed) as url:
        yield OpenAIEmbedderSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model="other", dimension=16)


async def fill(writer) -> None:
    await put(writer, OURS, [point("one"), point("one and a half", ordinal=1), point("two", document="b")])
    await put(writer, THEIRS, [point("three")])
    await writer.publish()


async def test_the_embedded_collection_changes_its_embedder_and_back(tmp_path, capsys):
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
        capsys.readouterr()
        await carry_out(Namespace(command="reindex", rollback=True), settings)
        assert f"Configure the embedder of before, {EMBEDDER.model}, and restart" in capsys.readouterr().out
        async with open_edge_reader(settings.store_dir, EMBEDDER) as reader:
            assert await texts(reader, OURS) == {"one", "two"}


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
        await roll_back(store, root=tmp_path)
        async with open_server_store(store, EMBEDDER) as again:
            assert await texts(again, OURS) == {"one", "two"}


def test_a_deployment_may_ask_for_it_each_time(tmp_path, onnx_models):
    (tmp_path / "models").symlink_to(onnx_models)
    (tmp_path / "a.md").write_text("The pump is in hall three.")
    nothing_yet = ingest("reindex", "--if-needed", data_dir=tmp_path)
    assert (nothing_yet.returncode, nothing_yet.stdout[:13]) == (0, "Nothing to do")
    assert ingest("run", str(tmp_path / "a.md"), data_dir=tmp_path).returncode == 0
    done_already = ingest("reindex", "--if-needed", data_dir=tmp_path)
    assert (done_already.returncode, done_already.stdout[:13]) == (0, "Nothing to do")
    assert ingest("reindex", data_dir=tmp_path).returncode == 1
