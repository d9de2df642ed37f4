"""Retries the calls of any store that can be written."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from prometheus_client import Counter

from rag.retries import retry
from rag.store.base import Survey, VectorStore
from rag.types import EVERYTHING, Chunk, ChunkFilter, DocumentId, Point, Query, Scope, ScoredChunk, StoredDocument

T = TypeVar("T")


class RetryingStore:
    """The wrapped store, each call retried as `rag.retries.retry` does.

    `confirm` is awaited before each attempt of a write, so a worker that lost its claim while it waited writes nothing.
    """

    def __init__(
        self, store: VectorStore, counter: Counter, *, confirm: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._store = store
        self._counter = counter
        self._confirm = confirm

    @property
    def revision(self) -> str:
        return self._store.revision

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        return await self._retry(lambda: self._store.search(scope, query, limit=limit, where=where))

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        """Collects everything in memory first, so that no chunk comes twice: for scrolls over a few documents."""
        for chunk in await self._retry(lambda: _collect(self._store.scroll(scope, where))):
            yield chunk

    async def documents(
        self, scope: Scope, where: ChunkFilter = EVERYTHING, *, newest_first: bool = False
    ) -> AsyncIterator[StoredDocument]:
        """Collects everything in memory first, as `scroll` does."""
        found = await self._retry(lambda: _collect(self._store.documents(scope, where, newest_first=newest_first)))
        for document in found:
            yield document

    async def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:
        """Collects everything in memory first, as `scroll` does."""
        for point in await self._retry(lambda: _collect(self._store.scroll_points(scope, where))):
            yield point

    async def survey(self, *, since: float) -> Survey:
        return await self._retry(lambda: self._store.survey(since=since))

    async def stage(self, scope: Scope, points: Sequence[Point]) -> None:
        await self._write(lambda: self._store.stage(scope, points))

    async def commit(self, scope: Scope, document_id: DocumentId, version: str, *, order: int | None = None) -> None:
        await self._write(lambda: self._store.commit(scope, document_id, version, order=order))

    async def delete(self, scope: Scope, document_id: DocumentId, *, order: int | None = None) -> None:
        await self._write(lambda: self._store.delete(scope, document_id, order=order))

    async def find_partial(self, scope: Scope, versions: Mapping[DocumentId, str]) -> set[DocumentId]:
        return await self._retry(lambda: self._store.find_partial(scope, versions))

    async def publish(self) -> None:
        await self._retry(self._store.publish)

    async def _write(self, call: Callable[[], Awaitable[None]]) -> None:
        async def confirm_and_write() -> None:
            if self._confirm:
                await self._confirm()
            await call()

        await self._retry(confirm_and_write)

    async def _retry(self, call: Callable[[], Awaitable[T]]) -> T:
        return await retry(self._counter, call)


async def _collect(items: AsyncIterator[T]) -> list[T]:
    return [item async for item in items]
