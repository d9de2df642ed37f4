"""The store contract on the embedded store, and the guarantees of its revisions."""

import asyncio
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rag.errors import IndexMismatch, Locked, Unavailable
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import EdgeReader, open_edge_reader, open_edge_writer
from rag.store.files import data_bytes
from rag.types import EVERYTHING, DocumentId, EmbedderIdentity
from tests.support.contracts.store import DIMENSION, EMBEDDER, OURS, StoreContract, point, put, query, texts


class TestEdgeStore(StoreContract):
    @pytest.fixture
    async def store(self, tmp_path):
        async with open_edge_writer(tmp_path, EMBEDDER) as writer:
            yield writer


@pytest.mark.slow
async def test_a_reader_sees_complete_revisions_only(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer, open_edge_reader(tmp_path, EMBEDDER) as reader:
        await put(writer, OURS, [point("one", document="a")])
        assert await texts(reader, OURS) == set()
        await writer.publish()
        await put(writer, OURS, [point("two", document="b")])
        assert await texts(reader, OURS) == {"one"}
        await writer.publish()
        assert await texts(reader, OURS) == {"one", "two"}


@pytest.mark.slow
async def test_a_reader_follows_new_revisions(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer, open_edge_reader(tmp_path, EMBEDDER) as reader:
        await put(writer, OURS, [point("news")])
        await writer.publish()
        async with asyncio.timeout(60):
            while not (found := await reader.search(OURS, query("news"), limit=1)):  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.05)
        assert [hit.chunk.text for hit in found] == ["news"]


@pytest.mark.slow
async def test_a_running_scroll_survives_a_new_revision(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer, open_edge_reader(tmp_path, EMBEDDER) as reader:
        await put(writer, OURS, [point(f"old {n}", document=f"d{n}") for n in range(600)])
        await writer.publish()
        scroll = reader.scroll(OURS)
        await anext(scroll)
        for _ in range(3):
            await writer.publish()
            reader.refresh()
        assert len([chunk async for chunk in scroll]) == 599


@pytest.mark.slow
async def test_published_documents_survive_the_writer(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        await put(writer, OURS, [point("kept")])
        await writer.publish()
        await put(writer, OURS, [point("never published", document="b")])
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        assert await texts(writer, OURS) == {"kept"}


@pytest.mark.slow
async def test_a_killed_writer_leaves_the_last_revision_and_frees_the_lock(tmp_path):
    program = f"""
import asyncio, os, signal
from pathlib import Path
from rag.store.edge.store import open_edge_writer
from tests.support.contracts.store import EMBEDDER, OURS, point, put
async def main():
    async with open_edge_writer(Path({str(tmp_path)!r}), EMBEDDER) as writer:
        await put(writer, OURS, [point("kept")])
        await writer.publish()
        await put(writer, OURS, [point("lost", document="b")])
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    run = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False)
    assert run.returncode == -9
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        assert await texts(writer, OURS) == {"kept"}


@pytest.mark.slow
async def test_a_writer_removes_unpublished_work_of_a_killed_one(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        await put(writer, OURS, [point("kept")])
        await writer.stage(OURS, [point("never committed", document="b")])
        await writer.publish()
    for name in ("7", "draft"):
        (tmp_path / "revisions" / name).mkdir()
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        assert [path.name for path in (tmp_path / "revisions").iterdir()] == ["1"]
        await writer.commit(OURS, DocumentId("b"), "v1")
        assert await texts(writer, OURS, EVERYTHING) == {"kept"}


@pytest.mark.slow
async def test_a_cancelled_publication_ends_before_the_next_begins(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer, open_edge_reader(tmp_path, EMBEDDER) as reader:
        await put(writer, OURS, [point("one")])
        cancelled = asyncio.create_task(writer.publish())
        await asyncio.sleep(0.001)
        cancelled.cancel()
        await put(writer, OURS, [point("two", document="b")])
        await writer.publish()
        assert await texts(reader, OURS) == {"one", "two"}
    assert sorted(path.name for path in (tmp_path / "revisions").iterdir()) == ["1", "2"]


@pytest.mark.slow
async def test_a_publication_ends_before_its_writer_does_however_often_it_is_cancelled(tmp_path, monkeypatch):
    has_begun, may_go_on, publish = threading.Event(), threading.Event(), Revisions.publish

    def publish_later(*arguments, **options) -> None:
        has_begun.set()
        assert may_go_on.wait(60)
        publish(*arguments, **options)

    monkeypatch.setattr(Revisions, "publish", publish_later)
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        await put(writer, OURS, [point("one")])
        publication = asyncio.create_task(writer.publish())
        assert await asyncio.to_thread(has_begun.wait, 60)
        # `supervise` cancels a task again until it has ended.
        for _ in range(3):
            publication.cancel()
            for _ in range(5):
                await asyncio.sleep(0)
        assert not publication.done()
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await publication
        assert [path.name for path in (tmp_path / "revisions").iterdir()] == ["1"]


async def test_the_error_for_a_second_writer_names_the_first(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER):
        with pytest.raises(Locked, match=r"process \d+"):
            async with open_edge_writer(tmp_path, EMBEDDER):
                pass


@pytest.mark.slow
async def test_reader_and_writer_refuse_another_embedder(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        await put(writer, OURS, [point("one")])
        await writer.publish()
    other = EmbedderIdentity(model="another", dimension=8)
    for opened in (open_edge_writer(tmp_path, other), open_edge_reader(tmp_path, other)):
        with pytest.raises(IndexMismatch, match="contract"):
            async with opened:
                pass


@pytest.mark.slow
async def test_a_reader_notices_a_collection_that_was_removed_and_filled_again(tmp_path):
    async with open_edge_reader(tmp_path, EMBEDDER) as reader:
        for text in ("first", "second"):
            async with open_edge_writer(tmp_path, EMBEDDER) as writer:
                await put(writer, OURS, [point(text)])
                await writer.publish()
            assert await texts(reader, OURS) == {text}
            shutil.rmtree(tmp_path)
            assert await texts(reader, OURS) == set()


@pytest.mark.slow
async def test_no_more_than_two_revisions_are_kept(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        for n in range(5):
            await put(writer, OURS, [point(f"passage {n}")])
            await writer.publish()
    assert sorted(path.name for path in (tmp_path / "revisions").iterdir()) == ["4", "5"]


@pytest.mark.slow
async def test_replacing_the_same_documents_again_and_again_needs_no_more_disk(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        sizes = []
        for n in range(24):
            for document in ("a", "b", "c"):
                points = [point(f"passage {i} of {n}", document=document, version=str(n), ordinal=i) for i in range(20)]
                await writer.stage(OURS, points)
                await writer.commit(OURS, DocumentId(document), str(n))
            if n % 8 == 7:
                await writer.publish()
                sizes.append(data_bytes(tmp_path / "working"))
        assert len([chunk async for chunk in writer.scroll(OURS)]) == 60
    # Each publication follows the removal of 420 points or more.
    assert max(sizes) < 1.2 * sizes[0]


@pytest.mark.slow
async def test_a_reader_keeps_its_revision_if_the_next_one_does_not_fit(tmp_path):
    class Full(Revisions):
        def make_readable(self, _: Path) -> None:
            raise Unavailable("The disk is full.")

    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        await put(writer, OURS, [point("old", document="a")])
        await writer.publish()
        reader = EdgeReader(Revisions(tmp_path), EMBEDDER)
        assert await texts(reader, OURS) == {"old"}
        reader._revisions = Full(tmp_path)
        await put(writer, OURS, [point("new", document="b")])
        await writer.publish()
        assert await texts(reader, OURS) == {"old"}
        assert [document.document_id async for document in reader.documents(OURS)] == ["a"]
        with pytest.raises(Unavailable, match="full"):
            reader.refresh()
        with pytest.raises(Unavailable, match="full"):
            await texts(EdgeReader(Full(tmp_path), EMBEDDER), OURS)


async def test_a_revision_that_cannot_be_opened_leaves_the_old_one_in_use(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer, open_edge_reader(tmp_path, EMBEDDER) as reader:
        await put(writer, OURS, [point("old")])
        await writer.publish()
        reader.refresh()
        (tmp_path / "revisions" / "7").mkdir()
        shutil.copy(tmp_path / "revisions" / "1" / "collection.json", tmp_path / "revisions" / "7")
        (tmp_path / "current").write_text("7")
        with pytest.raises(Unavailable, match="embedded store"):
            reader.refresh()
        assert [hit.chunk.text for hit in await reader.search(OURS, query("old"), limit=1)] == ["old"]


async def test_a_collection_without_a_description_is_refused(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        await writer.publish()
    (tmp_path / "revisions" / "1" / "collection.json").unlink()
    with pytest.raises(IndexMismatch, match="another program"):
        async with open_edge_reader(tmp_path, EMBEDDER):
            pass


@pytest.mark.slow
async def test_many_new_points_are_indexed_and_still_found(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER, exact_up_to=100) as writer:
        await put(writer, OURS, [point(f"passage {n}", document=f"d{n}") for n in range(150)])
        await writer.publish()
        assert len(await texts(writer, OURS)) == 150
        assert Revisions(tmp_path).unindexed() == 0
        await put(writer, OURS, [point("one more", document="more")])
        await writer.publish()
    assert Revisions(tmp_path).unindexed() == 1


async def test_the_graph_is_built_only_beyond_the_limit_of_an_exact_search(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER, exact_up_to=2) as writer:
        assert writer.revision == ""
        await put(writer, OURS, [point("one"), point("two", ordinal=1)])
        await writer.publish()
        assert writer.revision == "1"
    assert Revisions(tmp_path).unindexed() == 2


@pytest.mark.slow
async def test_a_failure_to_build_the_graph_is_reported_and_the_writer_continues(tmp_path, monkeypatch):
    async with open_edge_writer(tmp_path, EMBEDDER, exact_up_to=0) as writer:
        await put(writer, OURS, [point("one")])
        with monkeypatch.context() as patched:
            patched.setattr("rag.store.edge.optimization._OPTIMIZE", "raise SystemExit('no memory is left')")
            with pytest.raises(Unavailable, match=r"search graph \(status 1\)") as failed:
                await writer.publish()
            assert failed.value.upstream == "no memory is left"
        assert await texts(writer, OURS) == {"one"}
        await writer.publish()
    assert Revisions(tmp_path).unindexed() == 0


@pytest.mark.slow
async def test_the_collection_can_be_read_while_the_graph_is_built(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER, exact_up_to=100) as writer:
        await put(writer, OURS, [point(f"passage {n}", document=f"d{n}") for n in range(300)])
        scroll = writer.scroll(OURS)
        await anext(scroll)
        publishing = asyncio.create_task(writer.publish())
        await asyncio.sleep(0.1)
        assert not publishing.done()
        assert len([chunk async for chunk in scroll]) == 299
        assert len(await texts(writer, OURS)) == 300
        await publishing


@pytest.mark.slow
async def test_a_reader_opens_the_newest_revision_if_its_revision_is_removed_meanwhile(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer:
        await put(writer, OURS, [point("kept")])
        await writer.publish()
        reader = EdgeReader(Overtaken(tmp_path), EMBEDDER)
        reader.refresh()
        assert await texts(reader, OURS) == {"kept"}


class Overtaken(Revisions):
    """Revisions of which two more are published right after the current one was looked up."""

    is_first = True

    def current(self) -> Path | None:
        found = super().current()
        if self.is_first:
            self.is_first = False
            for _ in range(2):
                Revisions(self.working.parent).publish(EMBEDDER, unindexed=0)
        return found


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["current", "revisions/1/collection.json"])
async def test_an_unreadable_collection_is_unavailable_until_it_can_be_read_again(tmp_path, damaged):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer, open_edge_reader(tmp_path, EMBEDDER) as reader:
        await put(writer, OURS, [point("first")])
        await writer.publish()
        whole = (tmp_path / damaged).read_bytes()
        (tmp_path / damaged).write_bytes(b"\xff{")
        (tmp_path / "current").touch()
        with pytest.raises(Unavailable, match="cannot be read"):
            reader.refresh()
        (tmp_path / damaged).write_bytes(whole)
        reader.refresh()
        assert await texts(reader, OURS) == {"first"}


@pytest.mark.slow
async def test_a_collection_of_another_embedder_replaces_the_current_one_and_can_be_rolled_back(tmp_path):
    other = EmbedderIdentity(model="another", dimension=DIMENSION)
    async with open_edge_writer(tmp_path / "a", EMBEDDER) as writer:
        await put(writer, OURS, [point("before")])
        await writer.publish()
    async with open_edge_writer(tmp_path / "b", other) as writer:
        await put(writer, OURS, [point("after")])
        await writer.publish()
    revisions = Revisions(tmp_path / "a")
    revisions.replace_by(Revisions(tmp_path / "b"))
    async with open_edge_writer(tmp_path / "a", other) as writer:
        for _ in range(3):
            await writer.publish()
        assert await texts(writer, OURS) == {"after"}
    revisions.roll_back()
    async with open_edge_reader(tmp_path / "a", EMBEDDER) as reader:
        assert await texts(reader, OURS) == {"before"}
