"""Traces any store reader with a span per search."""

from collections.abc import AsyncIterator

from opentelemetry.trace import SpanKind

from rag.settings import ServerStoreSettings, StoreSettings
from rag.store.base import StoreReader, Survey
from rag.tracing import semconv
from rag.tracing.attributes import server_at
from rag.tracing.spans import Attributes, span
from rag.types import EVERYTHING, Chunk, ChunkFilter, Point, Query, Scope, ScoredChunk, StoredDocument

_SEARCH = "query_points"


class TracedReader:
    """The wrapped reader, with one span for each search, even if the search makes several calls."""

    def __init__(self, reader: StoreReader, settings: StoreSettings) -> None:
        self._reader = reader
        self._name = f"{_SEARCH} {settings.collection}"
        self._kind, self._attributes = _describe(settings)

    @property
    def revision(self) -> str:
        return self._reader.revision

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        with span(self._name, self._attributes, kind=self._kind) as call:
            hits = await self._reader.search(scope, query, limit=limit, where=where)
            call.set_attribute(semconv.DB_ROWS, len(hits))
            return hits

    def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        return self._reader.scroll(scope, where)

    def documents(
        self, scope: Scope, where: ChunkFilter = EVERYTHING, *, newest_first: bool = False
    ) -> AsyncIterator[StoredDocument]:
        return self._reader.documents(scope, where, newest_first=newest_first)

    def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:
        return self._reader.scroll_points(scope, where)

    async def survey(self, *, since: float) -> Survey:
        return await self._reader.survey(since=since)


def _describe(settings: StoreSettings) -> tuple[SpanKind, Attributes]:
    what: Attributes = {
        semconv.DB_SYSTEM: "qdrant",
        semconv.DB_COLLECTION: settings.collection,
        semconv.DB_OPERATION: _SEARCH,
    }
    if isinstance(settings, ServerStoreSettings):
        return SpanKind.CLIENT, {**what, **server_at(str(settings.url))}
    return SpanKind.INTERNAL, what
