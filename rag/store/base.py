"""The ports of the vector database: one half for who reads, the whole for who writes.

A document has versions. Those that are staged no search sees; committing one makes it the only one.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.types import EVERYTHING, Chunk, ChunkFilter, DocumentId, Point, Query, Scope, ScoredChunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A collection at a glance, all tenants together; what is staged does not count."""

    tenants: tuple[str, ...]
    documents: int
    chunks: int
    recent_chunks: int
    """Of these, how many came in during the time that was asked for."""
    newest: float | None
    """When the newest came in: Unix time in seconds; None for an empty collection."""


NOTHING = Survey(tenants=(), documents=0, chunks=0, recent_chunks=0, newest=None)
"""Of a collection that is not there yet."""


class Catalogue(Protocol):
    """What there is, for who looks and does not search: no embedder is needed for it."""

    def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        """Every chunk that qualifies, in no particular order."""
        ...

    async def survey(self, *, since: float) -> Survey:
        """What there is, and how much of it came in since that Unix time."""
        ...


class StoreReader(Catalogue, Protocol):
    """What serving needs: it cannot write, by type."""

    @property
    def revision(self) -> str:
        """What is searched now: a revision's number, or the collection behind an alias; empty before there is one."""
        ...

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        """The best chunks of the scope, best first: the dense and the BM25 ranking, fused as the query weighs them."""
        ...

    def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:
        """What `scroll` gives, with the vectors."""
        ...


class VectorStore(StoreReader, Protocol):
    """What ingestion needs."""

    async def stage(self, scope: Scope, points: Sequence[Point]) -> None:
        """Writes points of versions that no search sees yet; one that is there already stays as it is."""
        ...

    async def commit(self, scope: Scope, document_id: DocumentId, version: str, *, order: int | None = None) -> None:
        """Makes a staged version the one that searches see, and removes every other version of the document.

        With an order, versions of a later order stay; and where one of them is live, this version goes instead.
        """
        ...

    async def delete(self, scope: Scope, document_id: DocumentId, *, order: int | None = None) -> None:
        """Removes a document, staged versions included; with an order, versions of a later order stay."""
        ...

    async def publish(self) -> None:
        """Makes everything committed so far durable and visible to readers, at once."""
        ...
