"""The ports of the vector database: one half for who reads, the whole for who writes."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol

from rag.types import EVERYTHING, Chunk, ChunkFilter, DocumentId, Point, Query, Scope, ScoredChunk


class StoreReader(Protocol):
    """What serving needs: it cannot write, by type."""

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        """The best chunks of the scope, best first: dense and BM25 rankings fused by RRF inside Qdrant."""
        ...

    def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        """Every chunk that qualifies, in no particular order."""
        ...


class VectorStore(StoreReader, Protocol):
    """What ingestion needs."""

    async def upsert(self, scope: Scope, points: Sequence[Point]) -> None:
        """Writes points; one with the id of an older one replaces it."""
        ...

    async def delete(self, scope: Scope, document_id: DocumentId, *, keep: Collection[str] = ()) -> None:
        """Removes the chunks of a document, all but the ids to keep."""
        ...

    async def publish(self) -> None:
        """Makes everything written so far durable and visible to readers, at once."""
        ...
