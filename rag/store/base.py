"""The ports of the vector store: listing, searching, writing.

A document has versions. Searches do not see staged versions. A commit makes one version live and removes the rest.
Every call may raise `Unavailable`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.types import EVERYTHING, Chunk, ChunkFilter, DocumentId, Point, Query, Scope, ScoredChunk, StoredDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Statistics of a collection over all tenants. Staged versions are not counted."""

    tenants: tuple[str, ...]
    documents: int
    chunks: int
    recent_chunks: int
    """Number of chunks ingested in the requested period."""
    newest: float | None
    """Unix time in seconds of the latest ingestion. None for an empty collection."""


EMPTY = Survey(tenants=(), documents=0, chunks=0, recent_chunks=0, newest=None)
"""The statistics of a collection that does not exist."""


class Catalogue(Protocol):
    """A collection that can be listed, which needs no embedder."""

    def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        """Yield every matching chunk, in no particular order."""

    async def survey(self, *, since: float) -> Survey:
        """Return statistics; `since` (Unix time in seconds) begins the period of `recent_chunks`."""


class PointReader(Catalogue, Protocol):
    """A collection whose points can be copied."""

    def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:
        """Yield every matching chunk with its vector."""


class StoreReader(PointReader, Protocol):
    """A collection that can be searched. Its type has no method that writes."""

    @property
    def revision(self) -> str:
        """The revision, or the name of the collection, that is searched now. Empty before the first."""

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        """Return the best chunks of the scope, best first, from the fused dense and BM25 rankings."""

    def documents(
        self, scope: Scope, where: ChunkFilter = EVERYTHING, *, newest_first: bool = False
    ) -> AsyncIterator[StoredDocument]:
        """Yield every document whose first chunk matches, in no particular order or by its time of ingestion.

        The store sends pages without texts. A caller that stops early reads no further page.
        """


class VectorStore(StoreReader, Protocol):
    """A collection that can be written."""

    async def stage(self, scope: Scope, points: Sequence[Point]) -> None:
        """Write points of staged versions. Existing points do not change."""

    async def commit(self, scope: Scope, document_id: DocumentId, version: str, *, order: int | None = None) -> None:
        """Make a staged version live and remove the document's other live versions.

        With an order, versions of a later order stay. If one of them is live, this version is removed instead.
        """

    async def delete(self, scope: Scope, document_id: DocumentId, *, order: int | None = None) -> None:
        """Remove a document with its staged versions. With an order, versions of a later order stay."""

    async def find_partial(self, scope: Scope, versions: Mapping[DocumentId, str]) -> set[DocumentId]:
        """Return the documents whose last commit failed and reached only a part of the collection."""

    async def publish(self) -> None:
        """Make all commits durable and visible to readers, in one step."""
