"""A reader of a store that need not be there yet: it is opened in the background, as soon as that is possible."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from rag.errors import GroundworkError, IndexMismatch, Misconfigured, Unavailable
from rag.store.backend import StoreBackend
from rag.store.base import StoreReader, Survey
from rag.tasks import supervise
from rag.types import EVERYTHING, Chunk, ChunkFilter, EmbedderIdentity, Point, Query, Scope, ScoredChunk, StoredDocument

log = structlog.get_logger()

# Each attempt opens a new connection, so the store is open this long after it answers at the latest.
_RETRY_SECONDS = 2.0
# Only other settings, or another version of this program or of the server, can end these.
_FINAL = (IndexMismatch, Misconfigured)


class AwaitedReader:
    """The opened reader. Until it is open, every call raises `Unavailable` with the reason."""

    def __init__(self) -> None:
        self._reader: StoreReader | None = None
        self._reason: GroundworkError = Unavailable("The store has not been opened yet.")
        self._tried = asyncio.Event()

    @property
    def revision(self) -> str:
        return self._reader.revision if self._reader else ""

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        return await self._opened().search(scope, query, limit=limit, where=where)

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        async for chunk in self._opened().scroll(scope, where):
            yield chunk

    async def documents(
        self, scope: Scope, where: ChunkFilter = EVERYTHING, *, newest_first: bool = False
    ) -> AsyncIterator[StoredDocument]:
        async for document in self._opened().documents(scope, where, newest_first=newest_first):
            yield document

    async def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:
        async for point in self._opened().scroll_points(scope, where):
            yield point

    async def survey(self, *, since: float) -> Survey:
        return await self._opened().survey(since=since)

    async def wait_for_first_attempt(self) -> None:
        """Return when the store is open or cannot be opened now; raises the errors that waiting cannot end."""
        await self._tried.wait()
        if self._reader is None and isinstance(self._reason, _FINAL):
            raise self._reason

    async def hold_open(self, backend: StoreBackend, embedder: EmbedderIdentity) -> None:
        """Open the store as soon as that is possible, and hold it open for ever."""
        try:
            while True:
                await self._try_to_hold(backend, embedder)
                self._tried.set()
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            self._tried.set()

    async def _try_to_hold(self, backend: StoreBackend, embedder: EmbedderIdentity) -> None:
        try:
            async with backend.open_reader(embedder) as self._reader:
                log.info("store_opened", revision=self.revision)
                self._tried.set()
                await asyncio.Event().wait()
        except GroundworkError as error:
            if str(error) != str(self._reason):
                log.warning("store_awaited", reason=error.describe())
            self._reason = error

    def _opened(self) -> StoreReader:
        if self._reader is None:
            raise Unavailable(str(self._reason), upstream=self._reason.upstream)
        return self._reader


@asynccontextmanager
async def open_awaited_reader(backend: StoreBackend, embedder: EmbedderIdentity) -> AsyncIterator[AwaitedReader]:
    """Open the store now or later; raises `IndexMismatch` or `Misconfigured` if it is there and does not fit."""
    reader = AwaitedReader()
    async with supervise("store_opening", reader.hold_open(backend, embedder), essential=True):
        await reader.wait_for_first_attempt()
        yield reader
