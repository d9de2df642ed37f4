"""`backup` and `restore`: what a backup contains, which backups are refused, and the state afterwards."""

import asyncio
import json
import os
import shutil
from argparse import Namespace
from pathlib import Path

import pytest
from pydantic import HttpUrl
from qdrant_client import grpc as wire

from ingest.backup.backup import back_up
from ingest.backup.restore import restore
from ingest.backup.retention import find_latest
from ingest.commands.backup import run as run_backup
from ingest.commands.reindex import run as run_reindex
from ingest.settings import Settings
from rag.errors import BadResponse, InvalidInput, NotFound, Unavailable
from rag.inbox.base import Upload
from rag.inbox.folder.inbox import FolderInbox
from rag.inbox.folder.worklist import open_folder_worklist
from rag.settings import ServerStoreSettings
from rag.state.base import RecordKind
from rag.state.factory import open_state
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import open_edge_reader, open_edge_writer
from rag.store.files import copy_folder
from rag.store.server.collections import Collections
from rag.store.server.connection import open_client
from rag.store.server.copies import wait_until_searchable
from rag.store.server.store import open_server_store
from rag.types import DocumentId, RawDocument
from tests.support.contracts.store import EMBEDDER, OURS, THEIRS, point, put, query, texts
from tests.support.fakes.qdrant import open_qdrant
from tests.support.fakes.qdrant_faults import LOST_NODE
from tests.support.servers.qdrant_server import drop_collections, needs_real_qdrant, real_qdrant

# Each test fills, copies and restores a collection.
pytestmark = pytest.mark.slow


def quietly(_: str) -> None:
    pass


async def fill(store, *names: str) -> None:
    await put(store, OURS, [point(f"our {name}", document=name, axis=at) for at, name in enumerate(names)])
    await put(store, THEIRS, [point(f"their {name}", document=name) for name in names])
    await store.publish()


async def fill_installation(data_dir: Path) -> Settings:
    settings = Settings(data_dir=data_dir)
    async with open_edge_writer(settings.store_dir, EMBEDDER) as writer:
        await fill(writer, "one", "two", "three")
    return settings


@pytest.fixture
async def filled(tmp_path) -> Settings:
    return await fill_installation(tmp_path / "data")


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Settings:
    """Return an installation that is filled like `filled`, and that no test changes."""
    return asyncio.run(fill_installation(tmp_path_factory.mktemp("original") / "data"))


@pytest.fixture(scope="module")
def backup(tmp_path_factory, original) -> Path:
    """Return a backup of the original that no test changes. It takes three times as long to make as to copy."""
    folder = tmp_path_factory.mktemp("backup") / "backup"
    asyncio.run(back_up(original, folder, quietly))
    return folder


@pytest.fixture
def own_backup(tmp_path, backup) -> Path:
    """Return a copy of the backup that the test may change."""
    copy_folder(backup, tmp_path / "backup", reserve=0)
    return tmp_path / "backup"


async def found(settings: Settings):
    async with open_edge_reader(settings.store_dir, EMBEDDER) as reader:
        return [(hit.chunk.id, hit.score) for hit in await reader.search(OURS, query("our two", axis=1), limit=5)]


def upload(name: str, body: bytes = b"body") -> Upload:
    document = RawDocument(id=DocumentId(name), uri=f"upload:{name}", media_type="text/plain", body=body)
    return Upload(scope=OURS, document=document)


async def test_a_restore_to_a_new_place_finds_the_same_with_the_same_scores(tmp_path, original, backup):
    elsewhere = Settings(data_dir=tmp_path / "elsewhere")
    restored = await restore(elsewhere, backup, quietly, replace=False)
    assert (restored.manifest.contents.documents, restored.manifest.contents.chunks, restored.same_answers) == (6, 6, 6)
    assert await found(elsewhere) == await found(original) != []
    async with open_edge_writer(elsewhere.store_dir, EMBEDDER) as writer:
        await put(writer, OURS, [point("it goes on", document="four")])
        await writer.publish()
        assert await texts(writer, OURS) == {"our one", "our two", "our three", "it goes on"}


async def test_a_backup_can_be_served_as_a_data_directory(original, own_backup):
    assert await found(Settings(data_dir=own_backup)) == await found(original)


async def test_keys_the_drift_reference_inbox_entries_and_conversations_are_restored(tmp_path, filled):
    (filled.data_dir / "keys.json").write_text("[]")
    (filled.data_dir / "keys.json").chmod(0o600)
    (filled.data_dir / "drift").mkdir()
    (filled.data_dir / "drift" / "reference.npz").write_bytes(b"reference")
    inbox, kind = FolderInbox(filled.inbox_dir), RecordKind(name="conversations", limit=9, seconds=3600)
    for name in ("empty", "failed", "claimed", "queued"):
        await inbox.put(upload(name, name.encode()))
    async with (
        open_folder_worklist(filled.inbox_dir) as worklist,
        open_state(filled.state, path=filled.state_file) as state,
    ):
        await worklist.set_aside(await worklist.claim(), reason="no text")
        await worklist.dead_letter(await worklist.claim(), reason="odd", trace="trace")
        await worklist.claim()
        await state.put(kind, "ours", "a", b"kept")
        await back_up(filled, tmp_path / "backup", quietly)
    elsewhere = Settings(data_dir=tmp_path / "elsewhere")
    await restore(elsewhere, tmp_path / "backup", quietly, replace=False)
    assert (elsewhere.data_dir / "keys.json").stat().st_mode & 0o777 == 0o600
    assert (elsewhere.data_dir / "drift" / "reference.npz").read_bytes() == b"reference"
    async with open_folder_worklist(elsewhere.inbox_dir) as worklist:
        jobs = [(await worklist.claim()).job for _ in range(2)]
    assert {(job.document_id, job.document.body) for job in jobs} == {("claimed", b"claimed"), ("queued", b"queued")}
    [letter] = await FolderInbox(elsewhere.inbox_dir).dead_letters()
    assert (letter.document_id, letter.reason, letter.trace) == ("failed", "odd", "trace")
    [empty] = await FolderInbox(elsewhere.inbox_dir).progress(OURS, [DocumentId("empty")])
    assert (empty.state, empty.reason) == ("empty", "no text")
    async with open_state(elsewhere.state, path=elsewhere.state_file) as state:
        assert (await state.get(kind, "ours", "a")).value == b"kept"
        await state.put(kind, "ours", "a", b"later")
        await restore(elsewhere, tmp_path / "backup", quietly, replace=True)
        assert (await state.get(kind, "ours", "a")).value == b"kept"


async def test_a_backup_during_publications_holds_one_published_revision(tmp_path, filled):
    async with open_edge_writer(filled.store_dir, EMBEDDER) as writer:

        async def publish_for_ever() -> None:
            for n in range(1_000):
                await put(writer, OURS, [point(f"more {n}", document=f"more {n}")])
                await writer.publish()
                await asyncio.sleep(0.05)  # Without a pause each copy could be overtaken by publications.

        publishing = asyncio.create_task(publish_for_ever())
        try:
            for n in range(2):
                await back_up(filled, tmp_path / f"backup {n}", quietly)
        finally:
            publishing.cancel()
            await asyncio.wait([publishing])
    for n in range(2):
        elsewhere = Settings(data_dir=tmp_path / f"elsewhere {n}")
        restored = await restore(elsewhere, tmp_path / f"backup {n}", quietly, replace=False)
        assert restored.same_answers == len(restored.manifest.contents.asked) > 0
        async with open_edge_reader(elsewhere.store_dir, EMBEDDER) as reader:
            more = await texts(reader, OURS) - {"our one", "our two", "our three"}
            assert more == {f"more {k}" for k in range(len(more))}


async def test_an_unwritable_folder_is_reported_with_the_user(filled):
    with pytest.raises(Unavailable, match=rf"/sys/.*user {os.getuid()} may write"):
        await back_up(filled, Path("/sys/backup"), quietly)  # Not even root may write there.


async def test_a_collection_is_replaced_only_with_replace_and_can_be_rolled_back(filled, backup, capsys):
    async with open_edge_writer(filled.store_dir, EMBEDDER) as writer:
        await put(writer, OURS, [point("newer", document="four")])
        await writer.publish()
    with pytest.raises(InvalidInput, match="--replace"):
        await restore(filled, backup, quietly, replace=False)
    async with open_edge_reader(filled.store_dir, EMBEDDER) as reader:
        assert "newer" in await texts(reader, OURS)
        await restore(filled, backup, quietly, replace=True)
        assert "newer" not in await texts(reader, OURS)
        await run_reindex(Namespace(rollback=True, embedder=None), filled)
        assert "newer" in await texts(reader, OURS)
    assert "Rolled back. Service and workers use it without a restart.\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda backup: (backup / "manifest.json").unlink(), "is not a backup"),
        (lambda backup: (backup / "manifest.json").write_text("{}"), "damaged or was written by another program"),
        (lambda backup: flip_a_byte(next(backup.rglob("chunk_0.mmap"))), "chunk_0.mmap has changed since the backup"),
        (lambda backup: (backup / "store" / "current").unlink(), "store/current: No such file"),
        (shutil.rmtree, "is not a backup"),
        (lambda backup: change(backup / "manifest.json", schema=1), "earlier schema 1. Copy .* to a new RAG_DATA_DIR"),
        (
            lambda backup: change(backup / "manifest.json", schema=99),
            "older than the backup. Restore it with version 0.1",
        ),
        (lambda backup: change(backup / "manifest.json", store="server"), "kind server, but RAG_STORE__KIND is edge"),
    ],
    ids=[
        "no manifest",
        "foreign manifest",
        "flipped bit",
        "missing file",
        "no folder",
        "old schema",
        "new schema",
        "server",
    ],
)
async def test_a_damaged_or_foreign_backup_is_refused_and_leaves_no_file(tmp_path, own_backup, damage, message):
    damage(own_backup)
    elsewhere = Settings(data_dir=tmp_path / "elsewhere")
    with pytest.raises(InvalidInput, match=message):
        await restore(elsewhere, own_backup, quietly, replace=False)
    assert not elsewhere.data_dir.exists()


async def test_a_collection_that_differs_from_its_manifest_is_not_switched_to(tmp_path, own_backup):
    contents = json.loads((own_backup / "manifest.json").read_text())["contents"]
    change(own_backup / "manifest.json", contents=contents | {"chunks": 7})
    elsewhere = Settings(data_dir=tmp_path / "elsewhere")
    with pytest.raises(BadResponse, match="has 6 documents and 6 chunks"):
        await restore(elsewhere, own_backup, quietly, replace=False)
    asked = [one | {"found": one["found"][::-1][:1]} for one in contents["asked"]]
    change(own_backup / "manifest.json", contents=contents | {"asked": asked})
    with pytest.raises(BadResponse, match="Only 0 of 6 questions"):
        await restore(elsewhere, own_backup, quietly, replace=False)
    assert Revisions(elsewhere.store_dir).current() is None
    assert not (elsewhere.store_dir / "restoring").exists()


async def test_a_folder_that_is_not_empty_stays_as_it_is(tmp_path, filled):
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "mine").touch()
    with pytest.raises(InvalidInput, match="already exists"):
        await back_up(filled, tmp_path / "backup", quietly)
    assert [path.name for path in (tmp_path / "backup").iterdir()] == ["mine"]


async def test_a_backup_without_a_collection_is_refused(tmp_path):
    with pytest.raises(NotFound, match="no collection"):
        await back_up(Settings(data_dir=tmp_path / "data"), tmp_path / "backup", quietly)
    assert not (tmp_path / "backup").exists()


def flip_a_byte(path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        [byte] = file.read(1)
        file.seek(100)
        file.write(bytes([byte ^ 1]))


def change(manifest, **fields) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | fields))


async def test_a_check_compares_the_backup_and_changes_nothing(filled, backup):
    async with open_edge_writer(filled.store_dir, EMBEDDER) as writer:
        await put(writer, OURS, [point("newer", document="four")])
        await writer.publish()
    before = await found(filled)
    checked = await restore(filled, backup, quietly, replace=False, check_only=True)
    assert checked.same_answers == 6
    assert await found(filled) == before
    assert not (filled.store_dir / "restoring").exists()


async def test_the_newest_backups_stay_and_an_operators_folder_too(tmp_path, filled, backup, capsys):
    backups = tmp_path / "backups"
    backups.mkdir()
    for name in (*(f"2026-01-0{day}T000000Z" for day in (1, 2, 3)), "before-the-move"):
        copy_folder(backup, backups / name, reserve=0)
    (backups / "2026-01-04T000000Z").mkdir()
    assert find_latest(backups).name == "2026-01-03T000000Z", "An incomplete backup must not be restored"
    await run_backup(Namespace(target=backups, keep=2), filled)
    kept = sorted(path.name for path in backups.iterdir())
    assert kept[:1] == ["2026-01-03T000000Z"]
    assert kept[-1] == "before-the-move"
    assert "2026-01-01T000000Z: deleted" in capsys.readouterr().out
    with pytest.raises(InvalidInput, match="--keep is 0"):
        await run_backup(Namespace(target=backups, keep=0), filled)


class ServerContract:
    """Tests of a server store. A subclass has the fixture `settings`, for a server without a collection."""

    async def test_a_snapshot_is_restored_under_another_name_and_then_switched_to(self, tmp_path, settings):
        async with open_server_store(settings.store, EMBEDDER) as store:
            await fill(store, "one", "two", "three")
            await back_up(settings, tmp_path / "backup", quietly)
            await put(store, OURS, [point("newer", document="four")])
        with pytest.raises(InvalidInput, match="--replace"):
            await restore(settings, tmp_path / "backup", quietly, replace=False)
        restored = await restore(settings, tmp_path / "backup", quietly, replace=True)
        assert (restored.manifest.contents.chunks, restored.same_answers) == (6, 6)
        async with open_server_store(settings.store, EMBEDDER) as store:
            assert await texts(store, OURS) == {"our one", "our two", "our three"}

    async def test_a_check_leaves_the_collections_as_they_are(self, tmp_path, settings):
        async with open_server_store(settings.store, EMBEDDER) as store, open_client(settings.store) as client:
            await fill(store, "one", "two", "three")
            await back_up(settings, tmp_path / "backup", quietly)
            before = {it.name for it in (await client.get_collections()).collections}
            checked = await restore(settings, tmp_path / "backup", quietly, replace=False, check_only=True)
            assert checked.same_answers == 6
            assert {it.name for it in (await client.get_collections()).collections} == before

    async def test_a_collection_that_another_process_fills_is_removed_only_by_the_switch(self, tmp_path, settings):
        async with open_server_store(settings.store, EMBEDDER) as store:
            await fill(store, "one")
            await back_up(settings, tmp_path / "backup", quietly)
        async with open_client(settings.store) as client:
            collections = Collections(client, settings.store.collection)
            being_filled = await collections.successor(EMBEDDER)
            await collections.create(being_filled, EMBEDDER)
            await restore(settings, tmp_path / "backup", quietly, replace=True)
            assert await collections.current() not in {being_filled, None}
            assert not await client.collection_exists(being_filled), "The switch removes the unfinished successor"

    async def test_a_restore_to_another_collection_of_a_server_finds_the_same(self, tmp_path, settings):
        async with open_server_store(settings.store, EMBEDDER) as store:
            await fill(store, "one", "two", "three")
            before = await store.search(OURS, query("our two", axis=1), limit=5)
            await back_up(settings, tmp_path / "backup", quietly)
        other = settings.store.model_copy(update={"collection": f"{settings.store.collection}-elsewhere"})
        elsewhere = settings.model_copy(update={"store": other, "data_dir": tmp_path / "elsewhere"})
        await restore(elsewhere, tmp_path / "backup", quietly, replace=False)
        async with open_server_store(other, EMBEDDER) as store:
            assert await store.search(OURS, query("our two", axis=1), limit=5) == before

    async def test_documents_that_change_during_a_backup_are_whole_in_it(self, tmp_path, settings):
        async with open_server_store(settings.store, EMBEDDER) as store:
            await replace_all(store, "v0")
            stop, rounds = asyncio.Event(), 0

            async def write() -> None:
                nonlocal rounds
                while not stop.is_set():
                    rounds += 1
                    await replace_all(store, f"v{rounds}")

            writing = asyncio.create_task(write())
            await back_up(settings, tmp_path / "backup", quietly)
            stop.set()
            await writing
            assert rounds > 1
            restored = await restore(settings, tmp_path / "backup", quietly, replace=True)
        async with open_server_store(settings.store, EMBEDDER) as store:
            kept = [chunk async for chunk in store.scroll(OURS)]
        versions = {name: {it.version for it in kept if it.document_id == name} for name in _NAMES}
        assert all(len(found) == 1 for found in versions.values()), versions
        assert len(kept) == restored.manifest.contents.chunks == len(_NAMES) * 2


_NAMES = ("one", "two", "three")


async def replace_all(store, version: str) -> None:
    for name in _NAMES:
        parts = [point(f"{name} {version} {part}", document=name, ordinal=part, version=version) for part in (0, 1)]
        await put(store, OURS, parts)


class TestServerOverTheWire(ServerContract):
    @pytest.fixture
    async def settings(self, tmp_path):
        async with open_qdrant() as server:
            yield settings_of(server, tmp_path)


class TestClusterOverTheWire(ServerContract):
    @pytest.fixture
    async def settings(self, tmp_path):
        async with open_qdrant() as server:
            server.placement.nodes, server.placement.copies = 3, 2
            yield settings_of(server, tmp_path)


@needs_real_qdrant
class TestARealServer(ServerContract):
    @pytest.fixture
    async def settings(self, tmp_path):
        store = real_qdrant("backup")
        yield Settings(data_dir=tmp_path / "data", store=store)
        await drop_collections(store)


async def test_a_collection_whose_shard_has_too_few_active_copies_is_not_switched_to(tmp_path):
    async with open_qdrant() as server:
        server.placement.nodes, server.placement.copies = 3, 2
        settings = settings_of(server, tmp_path)
        async with open_server_store(settings.store, EMBEDDER) as store:
            await fill(store, "one")
        await back_up(settings, tmp_path / "backup", quietly)
        async with open_client(settings.store) as client:
            collection = await Collections(client, settings.store.collection).open(EMBEDDER)
            await wait_until_searchable(client, collection, nodes=1, limit=0)
            server.placement.states[collection][0, 1] = wire.ReplicaState.Dead
            with pytest.raises(Unavailable, match="shard 0 has 1 of 2 active copies"):
                await wait_until_searchable(client, collection, nodes=1, limit=0)


async def test_a_node_that_is_lost_during_a_restore_does_not_end_it(tmp_path):
    async with open_qdrant() as server:
        settings = settings_of(server, tmp_path)
        async with open_server_store(settings.store, EMBEDDER) as store:
            await fill(store, "one", "two")
        await back_up(settings, tmp_path / "backup", quietly)
        server.faults.answer_with(LOST_NODE, times=2)
        restored = await restore(settings, tmp_path / "backup", quietly, replace=True)
        assert (restored.same_answers, server.faults.answered) == (4, 2)


async def test_a_copy_that_becomes_active_later_is_waited_for(tmp_path):
    async with open_qdrant() as server:
        server.placement.nodes, server.placement.copies = 3, 2
        settings = settings_of(server, tmp_path)
        async with open_server_store(settings.store, EMBEDDER), open_client(settings.store) as client:
            collection = await Collections(client, settings.store.collection).open(EMBEDDER)
            server.placement.states[collection][0, 1] = wire.ReplicaState.Initializing
            waiting = asyncio.create_task(wait_until_searchable(client, collection, nodes=1))
            await server.placement.described.wait()
            assert not waiting.done()
            server.placement.states[collection][0, 1] = wire.ReplicaState.Active
            await waiting


def settings_of(server, tmp_path) -> Settings:
    store = ServerStoreSettings(kind="server", url=HttpUrl("http://127.0.0.1"), grpc_port=server.port)
    return Settings(data_dir=tmp_path / "data", store=store)
