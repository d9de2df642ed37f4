"""A copy of a document that is being replaced while it is copied."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from rag.store.archive import ArchiveReader, Payload
from rag.store.backend import CollectionCopy
from rag.store.schema import to_payload
from rag.store.server.archiving import copy_to_archive
from rag.types import Vector
from tests.support.contracts.store import EMBEDDER, OURS, point

_POINTS = [point(text, version="v2", ordinal=ordinal) for ordinal, text in enumerate(("one", "two", "three"))]


class Committing:
    """A collection without documents, in which a version becomes visible after the first list, point by point."""

    def __init__(self, *visible: int) -> None:
        """`visible` are the numbers of points that one read after the other finds. The last number stays."""
        self._visible = [*visible]
        self._lists = 0

    async def scan_fields(self, *_: Any) -> AsyncIterator[Payload]:
        self._lists += 1
        if self._lists > 1:
            yield to_payload(OURS, _POINTS[0])

    async def scan(self, conditions: Sequence[Any], *, with_vector: bool) -> AsyncIterator[tuple[Payload, Vector]]:
        assert with_vector
        if len(conditions) == 1:  # The scan of all documents
            return
        visible = self._visible.pop(0) if len(self._visible) > 1 else self._visible[0]
        for it in _POINTS[:visible]:
            yield to_payload(OURS, it), it.vector


async def test_a_document_is_copied_when_two_reads_in_a_row_find_the_same_points(tmp_path):
    copied = await copy_to_archive(Committing(1, 2, 3), EMBEDDER, tmp_path)
    assert copied == CollectionCopy(embedder=EMBEDDER, documents=1, chunks=3)
    [batch] = ArchiveReader(tmp_path).batches()
    assert [payload["text"] for payload, _ in batch] == ["one", "two", "three"]


async def test_a_document_that_is_removed_before_it_is_read_is_not_copied(tmp_path):
    assert await copy_to_archive(Committing(1, 0), EMBEDDER, tmp_path) == CollectionCopy(
        embedder=EMBEDDER, documents=0, chunks=0
    )
