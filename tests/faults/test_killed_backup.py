"""`backup` and `restore` killed in the middle: no half backup passes for a complete one, and a second run succeeds."""

from pathlib import Path

import pytest

from ingest.backup.backup import back_up
from ingest.backup.restore import restore
from ingest.settings import Settings
from rag.errors import Unavailable
from rag.inbox.base import Upload
from rag.inbox.folder.inbox import FolderInbox
from rag.store.edge.store import open_edge_reader, open_edge_writer
from rag.types import DocumentId, RawDocument
from tests.faults.test_killed_migration import fill, killed
from tests.support.contracts.store import EMBEDDER, OURS, point, put, texts

_TEXTS = {f"text {n}" for n in range(6)}
_OTHER_KEYS = '[{"of": "the target"}]'


@pytest.fixture
async def filled(tmp_path) -> Path:
    async with open_edge_writer(tmp_path / "data" / "store", EMBEDDER) as writer:
        await fill(writer)
    (tmp_path / "data" / "keys.json").write_text("[]")
    document = RawDocument(id=DocumentId("d"), uri="upload:d", media_type="text/plain", body=b"waits")
    job = Upload(scope=OURS, document=document)
    await FolderInbox(tmp_path / "data" / "inbox").put(job)
    return tmp_path / "data"


async def seen(data_dir: Path) -> set[str]:
    async with open_edge_reader(data_dir / "store", EMBEDDER) as reader:
        return await texts(reader, OURS)


@pytest.mark.parametrize(
    ("place", "nth"),
    [
        pytest.param("rag/store/files.py:_copy_sparse", 5, id="half copied"),
        pytest.param("ingest/backup/profile.py:ask_collection", 1, id="copied", marks=pytest.mark.nightly),
        pytest.param("ingest/backup/manifest.py:_digest", 20, id="half hashed", marks=pytest.mark.nightly),
        pytest.param("ingest/backup/manifest.py:write_manifest", 1, id="before the manifest"),
    ],
)
async def test_a_killed_backup_leaves_no_folder_and_the_next_one_is_complete(tmp_path, filled, place, nth):
    await killed(filled, place, nth, "backup", str(tmp_path / "backup"))
    assert not (tmp_path / "backup").exists()
    await back_up(Settings(data_dir=filled), tmp_path / "backup", print)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "data"]
    elsewhere = Settings(data_dir=tmp_path / "elsewhere")
    await restore(elsewhere, tmp_path / "backup", print, replace=False)
    assert await seen(elsewhere.data_dir) == _TEXTS


@pytest.mark.parametrize(
    ("place", "nth", "is_new"),
    [
        pytest.param("rag/store/files.py:_copy_sparse", 5, False, id="half copied", marks=pytest.mark.nightly),
        pytest.param("ingest/backup/profile.py:require_same_profile", 1, True, id="copied", marks=pytest.mark.nightly),
        pytest.param("rag/inbox/folder/backup.py:entries_to_restore", 1, False, id="before the inbox"),
        pytest.param("rag/store/edge/revisions.py:replace_by", 1, True, id="before the switch"),
        pytest.param("rag/store/edge/revisions.py:_point_to", 2, False, id="before the pointer moves"),
    ],
)
async def test_a_killed_restore_changes_nothing_and_the_next_one_succeeds(tmp_path, filled, place, nth, is_new):
    await back_up(Settings(data_dir=filled), tmp_path / "backup", print)
    target = Settings(data_dir=tmp_path / "elsewhere")
    if not is_new:
        await fill_elsewhere(target)
    before = await everything(target)
    options = () if is_new else ("--replace",)
    await killed(target.data_dir, place, nth, "restore", str(tmp_path / "backup"), *options)
    assert await everything(target) == before
    restored = await restore(target, tmp_path / "backup", print, replace=not is_new)
    assert restored.same_answers == len(restored.manifest.contents.asked) > 0
    assert await everything(target) == (_TEXTS, "[]", 1)


async def test_a_restore_that_is_killed_after_its_switch_is_completed_by_the_next_one(tmp_path, filled):
    await back_up(Settings(data_dir=filled), tmp_path / "backup", print)
    target = Settings(data_dir=tmp_path / "elsewhere")
    await fill_elsewhere(target)
    # The pointer has moved, but keys and uploads are not renamed yet.
    command = ("restore", str(tmp_path / "backup"), "--replace")
    await killed(target.data_dir, "rag/store/edge/revisions.py:_drop_all_but", 1, *command)
    assert await everything(target) == (_TEXTS, _OTHER_KEYS, 0)
    await restore(target, tmp_path / "backup", print, replace=True)
    assert await everything(target) == (_TEXTS, "[]", 1)


async def test_a_failed_switch_changes_nothing(tmp_path, filled):
    await back_up(Settings(data_dir=filled), tmp_path / "backup", print)
    target = Settings(data_dir=tmp_path / "elsewhere")
    await fill_elsewhere(target)
    before, files = await everything(target), sorted(target.data_dir.rglob("*"))
    obstacle = target.store_dir / "revisions" / "draft"
    obstacle.touch()
    with pytest.raises(Unavailable) as caught:
        await restore(target, tmp_path / "backup", print, replace=True)
    assert "draft" in caught.value.upstream
    assert await everything(target) == before
    obstacle.unlink()
    left_over = {path.name for path in set(target.data_dir.rglob("*")) - set(files) if path.is_file()}
    assert not left_over


async def fill_elsewhere(target: Settings) -> None:
    async with open_edge_writer(target.store_dir, EMBEDDER) as writer:
        await put(writer, OURS, [point("replaced")])
        await writer.publish()
    (target.data_dir / "keys.json").write_text(_OTHER_KEYS)


async def everything(settings: Settings) -> tuple[set[str], str, int]:
    """Return the visible texts, the keys and the number of queued uploads."""
    keys = settings.data_dir / "keys.json"
    waiting = (await FolderInbox(settings.inbox_dir).statistics()).queued
    return await seen(settings.data_dir), keys.read_text() if keys.exists() else "", waiting
