"""`upgrade` brings data directories that earlier versions wrote to this version's formats, in both stores."""

import fcntl
import json
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from pydantic import HttpUrl
from qdrant_client import models

from ingest.commands.upgrade import run
from ingest.migration.reindex import roll_back_reindex
from ingest.migration.upgrade import count_parsed_earlier
from ingest.settings import Settings
from rag.errors import IndexMismatch, Locked
from rag.inbox.factory import open_inbox, open_worklist
from rag.inbox.folder.earlier import format_of, upgrade_inbox
from rag.inbox.folder.files import FORMAT
from rag.settings import ServerStoreSettings
from rag.store.bm25 import encode_passage
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import EdgeReader, open_edge_reader
from rag.store.factory import build_backend
from rag.store.schema import DENSE, SCHEMA, SPARSE
from rag.store.server.collections import Collections
from rag.store.server.connection import open_client
from rag.store.server.store import open_server_store
from rag.types import FIRST_CHUNKS, Query, Scope
from service.auth.keys import Keys
from tests.support.contracts.store import EMBEDDER, OURS, THEIRS, point, query
from tests.support.fakes.qdrant import serve_qdrant
from tests.support.releases import RELEASES, Release, unpack

DEFAULT = Scope(tenant="default")
EARLIER = [name for name in RELEASES if not name.startswith(f"schema-{SCHEMA}-")]


@pytest.fixture
def release(tmp_path, request) -> Release:
    return unpack(request.param, tmp_path)


async def upgrade(settings: Settings, *, dry_run: bool = False) -> None:
    assert await run(Namespace(dry_run=dry_run), settings) == 0


def files_below(folder: Path) -> set[str]:
    """Return all names, which the engine does not change when it opens a revision."""
    return {str(path) for path in folder.rglob("*")}


async def points_of(settings: Settings) -> dict[str, np.ndarray]:
    """Return the vector of each stored text, in whichever schema it is stored."""
    backend = build_backend(settings.store, root=settings.store_dir)
    async with backend.open_earlier((await backend.origin()).schema) as reader:
        return {it.chunk.text: it.vector async for it in reader.scroll_points(DEFAULT)}


def test_the_archives_include_every_schema():
    assert {int(name.split("-")[1]) for name in RELEASES} == set(range(1, SCHEMA + 1))


@pytest.mark.slow
@pytest.mark.parametrize("release", RELEASES, indirect=True)
async def test_every_document_entry_and_key_of_an_earlier_version_is_brought_over_once(release, capsys):
    settings = Settings(data_dir=release.data_dir)
    before = await points_of(settings)
    await upgrade(settings)
    after = await points_of(settings)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[text], after[text]) for text in before)
    origin = Revisions(settings.store_dir).origin()
    assert origin.schema == SCHEMA
    async with open_edge_reader(settings.store_dir, origin.embedder) as reader:
        assert sorted([chunk.uri async for chunk in reader.scroll(DEFAULT, FIRST_CHUNKS)]) == release.documents
        for text, vector in after.items():
            hits = await reader.search(DEFAULT, Query(text=text, vector=vector), limit=1)
            assert [hit.chunk.text for hit in hits] == [text]
    async with open_inbox(settings.inbox, root=settings.inbox_dir) as inbox:
        assert [(letter.document_id, letter.kind) for letter in await inbox.dead_letters()] == [
            ("broken.pdf", "upload")
        ]
    async with open_worklist(settings.inbox, root=settings.inbox_dir) as worklist:
        assert (entry := await worklist.claim()) is not None
        assert (entry.job.document_id, entry.job.document.body[:9]) == ("canteen.md", b"# Canteen")
    assert Keys(release.data_dir / "keys.json").authenticate(release.key).scope == DEFAULT
    revisions = files_below(settings.store_dir / "revisions")
    capsys.readouterr()
    await upgrade(settings)
    assert capsys.readouterr().out.endswith("Nothing to do.\n")
    assert files_below(settings.store_dir / "revisions") == revisions


@pytest.mark.slow
@pytest.mark.parametrize("release", EARLIER, indirect=True)
async def test_a_dry_run_says_what_would_be_done_and_writes_nothing(release, capsys):
    settings = Settings(data_dir=release.data_dir)
    before = files_below(release.data_dir)
    await upgrade(settings, dry_run=True)
    said = capsys.readouterr().out
    assert (
        f"format {release.schema} → {SCHEMA}: 4 documents with 5 chunks are copied with their vectors, about 1 s"
        in said
    )
    assert "parsed again    nothing. An earlier version parsed 4 documents" in said
    assert "run the sources of 3 again and upload 1 again" in said
    assert f"format {1 if release.schema == 1 else 2} → {FORMAT}: " in said
    assert said.endswith("\nTo upgrade: collection, inbox. Nothing was written.\n")
    assert files_below(release.data_dir) == before


@pytest.mark.parametrize("release", EARLIER, indirect=True)
async def test_readers_and_writers_that_meet_earlier_data_name_the_command(release):
    settings = Settings(data_dir=release.data_dir)
    backend = build_backend(settings.store, root=settings.store_dir)
    embedder = (await backend.origin()).embedder
    for opening in (backend.open_reader(embedder), backend.open_writer(embedder), backend.open_catalogue()):
        with pytest.raises(IndexMismatch, match=r"earlier version.*`python -m ingest upgrade`"):
            async with opening:
                pass
    for open_side in (open_inbox, open_worklist):
        with pytest.raises(IndexMismatch, match="`python -m ingest upgrade`"):
            async with open_side(settings.inbox, root=settings.inbox_dir):
                pass


@pytest.mark.slow
@pytest.mark.parametrize("release", [EARLIER[-1]], indirect=True)
async def test_a_reader_of_the_earlier_version_goes_on_until_it_is_restarted(release):
    settings = Settings(data_dir=release.data_dir)
    stored = await points_of(settings)
    reader = EdgeReader(Revisions(settings.store_dir), None)
    reader.refresh()
    opened = reader._shard
    await upgrade(settings)
    records = [record async for record in opened.scan((), with_vector=False)]
    assert {record.payload["text"] for record in records} == stored.keys()


@pytest.mark.slow
@pytest.mark.parametrize("release", [EARLIER[-1]], indirect=True)
async def test_a_rollback_returns_to_the_collection_of_the_earlier_version(release):
    settings = Settings(data_dir=release.data_dir)
    await upgrade(settings)
    upgraded, current = await roll_back_reindex(settings)
    assert (upgraded.schema, current.schema) == (SCHEMA, release.schema)
    assert Revisions(settings.store_dir).origin() == current
    await upgrade(settings)
    assert Revisions(settings.store_dir).origin() == upgraded


@pytest.mark.parametrize("release", ["schema-1-007f1fe"], indirect=True)
async def test_an_inbox_that_a_worker_of_the_first_version_uses_is_not_converted(release):
    settings = Settings(data_dir=release.data_dir)
    with (settings.inbox_dir / "worker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Locked, match="Stop it and run"):
            upgrade_inbox(settings.inbox_dir)
    upgrade_inbox(settings.inbox_dir)
    assert format_of(settings.inbox_dir) == FORMAT


@pytest.mark.slow
@pytest.mark.parametrize("release", [RELEASES[-1]], indirect=True)
async def test_data_of_a_newer_version_is_refused(release):
    settings = Settings(data_dir=release.data_dir)
    metadata = Revisions(settings.store_dir).current() / "collection.json"
    stored = json.loads(metadata.read_text())
    metadata.write_text(json.dumps(stored | {"schema": SCHEMA + 1}))
    with pytest.raises(IndexMismatch, match="This program is older than its data"):
        await upgrade(settings)
    metadata.write_text(json.dumps(stored))
    keys = release.data_dir / "keys.json"
    keys.write_text('{"format": 2}')
    with pytest.raises(IndexMismatch, match=r"This program is older than its data: .*keys.json has format 2"):
        await upgrade(settings)


@pytest.mark.slow
@pytest.mark.parametrize("release", [RELEASES[-1]], indirect=True)
async def test_a_damaged_key_file_is_named_and_does_not_stop_the_upgrade(release, capsys):
    keys = release.data_dir / "keys.json"
    keys.write_text("no keys")
    await upgrade(Settings(data_dir=release.data_dir))
    said = capsys.readouterr().out
    assert f"API keys        {keys} is damaged" in said
    assert f"drift reference {release.data_dir}/drift/reference.npz does not exist" in said


async def test_an_empty_data_directory_has_nothing_to_upgrade(tmp_path, capsys):
    await upgrade(Settings(data_dir=tmp_path))
    assert capsys.readouterr().out.endswith("Nothing to do.\n")
    assert list(tmp_path.iterdir()) == []


async def fill_earlier(client, name: str, schema: int) -> None:
    """Create a collection as the version of this schema did."""
    await client.create_collection(
        name,
        vectors_config={DENSE: models.VectorParams(size=EMBEDDER.dimension, distance=models.Distance.COSINE)},
        sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        metadata={"embedder": asdict(EMBEDDER)} | ({"schema": schema} if schema > 1 else {}),
    )
    stored = [
        (OURS, point("one", axis=1)),
        (OURS, point("two", axis=2, document="b")),
        (THEIRS, point("three", axis=3)),
    ]
    for number, (scope, its) in enumerate(stored):
        payload = asdict(its.chunk) | {"tenant": scope.tenant, "heading_path": list(its.chunk.heading_path)}
        payload |= {"state": "live"} if schema > 1 else {}
        for later in ("metadata", "place", "language", "warnings"):
            del payload[later]
        words = encode_passage(its.chunk)
        sparse = models.SparseVector(indices=words.indices, values=words.values)
        vectors = {DENSE: its.vector.tolist(), SPARSE: sparse}
        await client.upsert(name, [models.PointStruct(id=number, vector=vectors, payload=payload)])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "schema"), [("groundwork", 1), ("groundwork-1", 2)])
async def test_a_collection_on_a_server_is_upgraded_behind_its_alias(tmp_path, monkeypatch, capsys, name, schema):
    monkeypatch.setattr("ingest.migration.transfer._WRITERS_STOP_SECONDS", 0)
    async with serve_qdrant() as port:
        store = ServerStoreSettings(kind="server", url=HttpUrl("http://127.0.0.1:1"), grpc_port=port)
        settings = Settings(data_dir=tmp_path, store=store)
        async with open_client(store) as client:
            await fill_earlier(client, name, schema)
            if name != "groundwork":
                alias = models.CreateAlias(collection_name=name, alias_name="groundwork")
                await client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
            with pytest.raises(IndexMismatch, match="`python -m ingest upgrade`"):
                async with open_server_store(store, EMBEDDER):
                    pass
            await upgrade(settings, dry_run=True)
            assert f"format {schema} → {SCHEMA}: 3 documents with 3 chunks" in capsys.readouterr().out
            assert await Collections(client, "groundwork").current() == name
            await upgrade(settings)
            await upgrade(settings)
            async with open_server_store(store, EMBEDDER) as reader:
                for scope, text, axis in ((OURS, "one", 1), (OURS, "two", 2), (THEIRS, "three", 3)):
                    [hit] = await reader.search(scope, query(text, axis=axis), limit=1)
                    assert (hit.chunk.text, hit.chunk.metadata) == (text, {})
            assert await count_parsed_earlier(settings) == {"file": 3}
            fallback = await Collections(client, "groundwork").fallback()
            assert fallback == (name if schema > 1 else None)
