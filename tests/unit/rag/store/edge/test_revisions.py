"""Revisions of the embedded collection: which ones are kept, copied and refused."""

from pathlib import Path

import pytest

from rag.errors import NotFound
from rag.store.edge.revisions import Revisions
from rag.store.files import data_bytes
from rag.types import EmbedderIdentity
from tests.support.contracts.store import EMBEDDER
from tests.unit.rag.store.conftest import make_hole

OTHER = EmbedderIdentity(model="other", dimension=8)


@pytest.fixture
def revisions(tmp_path) -> Revisions:
    return filled(tmp_path / "a" / "store", EMBEDDER)


def filled(root: Path, embedder: EmbedderIdentity, text: str = "first") -> Revisions:
    """Return a collection with one published revision."""
    revisions = Revisions(root)
    with revisions.write_lock():
        revisions.working.mkdir(exist_ok=True)
        (revisions.working / "shard").write_text(text)
        revisions.publish(embedder, unindexed=3)
    return revisions


def text_of(revisions: Revisions) -> str | None:
    current = revisions.current()
    return (current / "shard").read_text() if current else None


def names(revisions: Revisions) -> set[str]:
    return {path.name for path in (revisions.working.parent / "revisions").iterdir()}


def test_a_collection_without_a_publication_is_empty(tmp_path):
    revisions = Revisions(tmp_path)
    assert (revisions.current(), revisions.previous(), revisions.fallback(), revisions.stamp()) == (None,) * 4
    assert (revisions.embedder(), revisions.unindexed()) == (None, 0)
    assert not revisions.check_out()
    with pytest.raises(NotFound, match="no collection"):
        revisions.copy_to(Revisions(tmp_path / "copy"))
    for operation in (revisions.roll_back, revisions.fallback_origin):
        with pytest.raises(NotFound, match="nothing can be rolled back"):
            operation()


def test_a_publication_remembers_its_embedder_and_its_unindexed_points(revisions):
    assert (text_of(revisions), revisions.embedder(), revisions.unindexed()) == ("first", EMBEDDER, 3)


def test_a_new_writer_keeps_the_revision_that_a_reader_may_be_opening(revisions):
    for _ in range(2):
        revisions.publish(EMBEDDER, unindexed=0)
    assert revisions.previous().name == "2"
    assert revisions.check_out()
    assert names(revisions) == {"2", "3"}


def test_a_stray_file_among_the_revisions_does_not_stop_a_publication(revisions):
    stray = revisions.working.parent / "revisions" / ".DS_Store"
    stray.touch()
    revisions.publish(EMBEDDER, unindexed=0)
    assert names(revisions) == {"1", "2", stray.name}


def test_a_copy_whose_revision_is_removed_meanwhile_is_made_from_the_newest_one(tmp_path, revisions):
    target = Revisions(tmp_path / "copy")
    assert Overtaken(revisions.working.parent).copy_to(target) == EMBEDDER
    assert (text_of(target), names(target)) == ("first", {"1"})


def test_the_embedder_is_that_of_the_newest_revision_if_the_current_one_is_removed_meanwhile(revisions):
    root = revisions.working.parent
    assert Overtaken(root).embedder() == EMBEDDER
    assert Overtaken(root).origin() == revisions.origin()
    revisions.publish(EMBEDDER, unindexed=3)
    assert Overtaken(root).unindexed() == 0


class Overtaken(Revisions):
    """Revisions of which two more are published right after the current one was looked up."""

    is_first = True

    def current(self) -> Path | None:
        current = super().current()
        if self.is_first:
            self.is_first = False
            for _ in range(2):
                Revisions(self.working.parent).publish(EMBEDDER, unindexed=0)
        return current


def test_a_replaced_collection_can_be_rolled_back_and_its_fallback_survives_publications(tmp_path, revisions):
    revisions.replace_by(filled(tmp_path / "b", OTHER, "second"))
    assert (text_of(revisions), revisions.embedder()) == ("second", OTHER)
    assert revisions.fallback_origin().embedder == EMBEDDER
    revisions.check_out()
    for _ in range(3):
        revisions.publish(OTHER, unindexed=0)
    assert names(revisions) == {"1", "4", "5"}
    revisions.roll_back()
    assert (text_of(revisions), revisions.fallback_origin().embedder) == ("first", OTHER)


def test_an_empty_collection_replaces_nothing(tmp_path, revisions):
    revisions.replace_by(Revisions(tmp_path / "empty"))
    assert (text_of(revisions), revisions.fallback()) == ("first", None)


def test_the_fallback_is_copied_for_its_own_embedder_into_an_empty_collection_only(tmp_path, revisions):
    empty, used = Revisions(tmp_path / "empty"), filled(tmp_path / "used", EMBEDDER, "used")
    revisions.copy_fallback_to(empty, EMBEDDER)
    assert text_of(empty) is None
    revisions.replace_by(filled(tmp_path / "b", OTHER, "second"))
    for target, embedder, text in ((empty, OTHER, None), (used, EMBEDDER, "used"), (empty, EMBEDDER, "first")):
        revisions.copy_fallback_to(target, embedder)
        assert text_of(target) == text


def test_a_readable_revision_has_memory_for_all_files_but_the_pages_that_are_read_in_parts(memory_folder):
    folders = {name: memory_folder / name for name in ("payload_storage", "store", "vectors")}
    for folder in folders.values():
        folder.mkdir()
        for name in ("page_0.dat", "tracker.dat"):
            make_hole(folder / name)
    Revisions(memory_folder).make_readable(memory_folder)
    assert {name: data_bytes(folder) >> 20 for name, folder in folders.items()} == {
        "payload_storage": 1,
        "store": 1,
        "vectors": 2,
    }
