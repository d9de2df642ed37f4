"""`reindex`, `upgrade` and `promote` killed: readers see the same as before, and the next run completes the work."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingest.migration.promote import promote
from ingest.migration.reindex import reindex, roll_back_reindex
from ingest.migration.upgrade import parts_of
from ingest.settings import Settings
from rag.inbox.folder.inbox import FolderInbox
from rag.settings import OpenAIEmbedderSettings, ServerStoreSettings
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import open_edge_reader, open_edge_writer
from rag.store.factory import build_backend
from rag.store.server.collections import Collections
from rag.store.server.connection import open_client
from rag.store.server.store import open_server_store
from rag.types import FIRST_CHUNKS, EmbedderIdentity, Scope
from tests.support.contracts.store import EMBEDDER, OURS, point, put, texts
from tests.support.fakes.mortal import run_until_killed
from tests.support.fakes.qdrant import QdrantServer, open_qdrant
from tests.support.releases import RELEASES, unpack
from tests.unit.ingest.migration.test_reindex import OTHER, as_point, other_embedder

REPLACE = f"{Path.replace.__code__.co_filename}:replace"
FIRST = EmbedderIdentity(model="first", dimension=16)
_TEXTS = {f"text {n}" for n in range(6)}


def settings_of(server: QdrantServer) -> ServerStoreSettings:
    return ServerStoreSettings(kind="server", url="http://127.0.0.1:1", grpc_port=server.port)


async def fill(writer) -> None:
    await put(writer, OURS, [point(text, document=text) for text in sorted(_TEXTS)])
    await writer.publish()


@asynccontextmanager
async def filled_server():
    async with open_qdrant() as server:
        async with open_server_store(settings_of(server), EMBEDDER) as store:
            await fill(store)
        yield server


async def killed(data_dir: Path, place: str, nth: int, *command: str, **settings: str) -> None:
    # In a thread, because the process may ask servers of this event loop.
    await asyncio.to_thread(run_until_killed, data_dir, place, nth, *command, **settings)


def to_environment(embedder, **more: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDER__KIND": "openai",
        "RAG_EMBEDDER__URL": str(embedder.url),
        "RAG_EMBEDDER__MODEL": embedder.model,
        "RAG_EMBEDDER__DIMENSION": str(embedder.dimension),
    } | more


@pytest.mark.parametrize(
    ("place", "nth"),
    [
        pytest.param("rag/store/edge/store.py:commit", 3, id="half filled"),
        pytest.param("rag/store/edge/revisions.py:replace_by", 1, id="filled and published", marks=pytest.mark.nightly),
        pytest.param("rag/store/edge/revisions.py:_point_to", 2, id="copied, not switched", marks=pytest.mark.nightly),
        pytest.param("rag/store/edge/backend.py:_remove", 1, id="switched"),
    ],
)
async def test_a_killed_reindex_of_the_embedded_store_is_completed_by_the_next_one(tmp_path, place, nth):
    async with open_edge_writer(tmp_path / "store", EMBEDDER) as writer:
        await fill(writer)
    async with other_embedder() as embedder:
        await killed(tmp_path, place, nth, "reindex", **to_environment(embedder))
        found = Revisions(tmp_path / "store").embedder()
        async with open_edge_reader(tmp_path / "store", found) as reader:
            assert await texts(reader, OURS) == _TEXTS
        if found == EMBEDDER:
            await reindex(Settings(data_dir=tmp_path, embedder=embedder), print)
    async with open_edge_reader(tmp_path / "store", OTHER) as reader:
        assert await texts(reader, OURS) == _TEXTS
    assert len(list((tmp_path / "store" / "revisions").iterdir())) == 2


async def test_a_killed_reindex_to_the_previous_embedder_is_completed_by_the_next_one(tmp_path):
    async with other_embedder(model="first") as first:
        settings = await changed(tmp_path, first)
        # Killed while the previous collection was copied to the successor.
        await killed(tmp_path, "rag/store/files.py:_copy_sparse", 3, "reindex", **to_environment(first))
        assert Revisions(settings.store_dir).embedder() == OTHER
        said: list[str] = []
        await reindex(settings, said.append)
    assert said == ["pass 1: 0 documents updated"]
    async with open_edge_reader(settings.store_dir, FIRST) as reader:
        assert await texts(reader, OURS) == _TEXTS


async def test_a_killed_rollback_leaves_both_collections_and_can_be_repeated(tmp_path):
    async with other_embedder(model="first") as first:
        settings = await changed(tmp_path, first)
        await killed(tmp_path, REPLACE, 1, "reindex", "--rollback", **to_environment(first))
        revisions = Revisions(settings.store_dir)
        assert revisions.embedder() == OTHER
        await roll_back_reindex(settings)
        assert revisions.embedder() == FIRST
        revisions.roll_back()
        assert revisions.embedder() == OTHER


async def changed(data_dir: Path, first: OpenAIEmbedderSettings) -> Settings:
    """Return settings of the first embedder, for a collection that was reindexed with another one."""
    settings = Settings(data_dir=data_dir, embedder=first)
    async with open_edge_writer(settings.store_dir, FIRST) as writer:
        await put(writer, OURS, [as_point(text, document=text) for text in sorted(_TEXTS)])
        await writer.publish()
    async with other_embedder() as embedder:
        await reindex(settings.model_copy(update={"embedder": embedder}), print)
    return settings


@pytest.mark.parametrize(
    ("place", "nth"),
    [("rag/store/server/store.py:commit", 3), ("rag/store/server/collections.py:switch_to", 1)],
    ids=["half filled", "filled, not switched"],
)
async def test_a_killed_reindex_on_a_server_continues_where_it_stopped(tmp_path, place, nth):
    async with filled_server() as server, other_embedder() as embedder:
        store = {"RAG_STORE__KIND": "server", "RAG_STORE__URL": "http://127.0.0.1:1"}
        store["RAG_STORE__GRPC_PORT"] = str(server.port)
        await killed(tmp_path, place, nth, "reindex", **to_environment(embedder, **store))
        async with open_server_store(settings_of(server), EMBEDDER) as reader:
            assert await texts(reader, OURS) == _TEXTS
        said: list[str] = []
        await reindex(Settings(data_dir=tmp_path, embedder=embedder, store=settings_of(server)), said.append)
        assert said[0] != f"pass 1: {len(_TEXTS)} documents updated"
        async with open_server_store(settings_of(server), OTHER) as reader:
            assert await texts(reader, OURS) == _TEXTS
        async with open_client(settings_of(server)) as client:
            names = {it.name for it in (await client.get_collections()).collections}
            collections = Collections(client, "groundwork")
            assert names == {await collections.current(), await collections.fallback()}


@pytest.mark.parametrize(
    ("place", "nth"),
    [
        pytest.param("rag/store/edge/store.py:commit", 3, id="half filled", marks=pytest.mark.nightly),
        pytest.param("rag/store/edge/revisions.py:_point_to", 2, id="copied, not switched"),
        pytest.param("rag/store/edge/backend.py:_remove", 1, id="switched", marks=pytest.mark.nightly),
        pytest.param("rag/inbox/folder/earlier.py:_to_dead_letter", 1, id="inbox half converted"),
    ],
)
async def test_a_killed_upgrade_is_completed_by_the_next_one(tmp_path, place, nth):
    release = unpack(RELEASES[0], tmp_path)
    settings = Settings(data_dir=release.data_dir)
    await killed(release.data_dir, place, nth, "upgrade")
    for part in parts_of(settings):
        await part.upgrade(print)
        assert (await part.plan()).work == ""
    async with build_backend(settings.store, root=settings.store_dir).open_catalogue() as catalogue:
        uris = [chunk.uri async for chunk in catalogue.scroll(Scope(tenant="default"), FIRST_CHUNKS)]
    assert sorted(uris) == release.documents
    assert not (settings.store_dir / "successor").exists()
    statistics = await FolderInbox(settings.inbox_dir).statistics()
    assert (statistics.queued, statistics.dead) == (1, 1)


async def test_a_killed_promotion_is_completed_by_the_next_one(tmp_path):
    async with open_edge_writer(tmp_path / "store", EMBEDDER) as writer:
        await fill(writer)
    async with open_qdrant() as server:
        target = ("--to", "http://127.0.0.1:1", "--grpc-port", str(server.port))
        await killed(tmp_path, "rag/store/server/store.py:commit", 3, "promote", *target)
        async with open_server_store(settings_of(server), EMBEDDER) as reader:
            assert len(await texts(reader, OURS)) == 2
        assert await promote(Settings(data_dir=tmp_path), settings_of(server)) == (6, 6)
        async with open_client(settings_of(server)) as client:
            name = await Collections(client, "groundwork").current()
            assert (await client.count(name, exact=True)).count == 6
