"""Which stored documents of a source are removed."""

from collections.abc import AsyncIterator, Sequence

import pytest

from ingest.pipeline.pruning import ListedDocuments, find_gone
from ingest.sources.base import Rejection, Unit
from ingest.sources.notes import SourceNotes
from rag.errors import InvalidInput
from rag.store.base import Survey
from rag.types import EVERYTHING, Chunk, ChunkFilter, DocumentId, Scope
from tests.support.contracts.store import OURS, point


class Shelf:
    """A source that covers every document and could not see those whose name begins with `hidden`."""

    def __init__(self) -> None:
        self.notes = SourceNotes()

    def count(self) -> int:
        return 0

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        yield Rejection(uri="file:///", reason="Pruning must not list a source again.")

    def covers(self, uri: str) -> bool:
        return uri.startswith("file:///")

    async def is_gone(self, uri: str) -> bool:
        return not uri.startswith("file:///hidden")


class Stored:
    """A collection that can be listed."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        assert (scope, where.ordinals) == (OURS, (0,))
        for name in self._names:
            yield point("text", document=name).chunk

    async def survey(self, *, since: float) -> Survey:
        raise NotImplementedError  # pruning counts nothing


def listed(*names: str, gone: Sequence[str] = ()) -> ListedDocuments:
    documents = ListedDocuments(remember=True)
    for name in (*names, *gone):
        documents.add(DocumentId(name))
    for name in gone:
        documents.note_gone(DocumentId(name))
    return documents


async def removed(shelf: Shelf, documents: ListedDocuments, stored: Sequence[str]) -> list[str]:
    return [document.id for document in await find_gone(shelf, documents, Stored(stored), OURS)]


async def test_only_documents_that_certainly_do_not_exist_are_removed_and_the_others_are_named():
    shelf = Shelf()

    assert await removed(shelf, listed("a", gone=["b"]), ["a", "b", "c", "hidden1", "hidden2"]) == ["b", "c"]
    [warning] = shelf.notes.warnings
    assert warning.code == "prune_skipped"
    assert (warning.affected.count, warning.affected.names) == (2, ["file:///hidden1.md", "file:///hidden2.md"])


async def test_an_empty_source_removes_nothing_and_says_so():
    for documents in (listed(), listed(gone=["a", "b"])):
        with pytest.raises(InvalidInput, match="its 2 stored documents were not removed"):
            await removed(Shelf(), documents, ["a", "b"])


async def test_one_page_that_was_named_is_removed_if_its_server_says_that_it_is_gone():
    assert await removed(Shelf(), listed(gone=["a"]), ["a"]) == ["a"]
