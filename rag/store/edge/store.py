"""The embedded store: readers search published revisions, and one writer prepares the next one."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from rag.errors import GroundworkError, Unavailable
from rag.store.base import EMPTY, Survey
from rag.store.earlier import Payload
from rag.store.edge.conversion import dense_of, to_point
from rag.store.edge.revisions import Revisions
from rag.store.edge.shard import Shard
from rag.store.schema import Condition, require_same_embedder, to_chunk, to_stored_document
from rag.tasks import finish, supervise
from rag.types import (
    EVERYTHING,
    Chunk,
    ChunkFilter,
    DocumentId,
    EmbedderIdentity,
    Point,
    Query,
    Scope,
    ScoredChunk,
    StoredDocument,
    Vector,
)

log = structlog.get_logger()

_WATCH_SECONDS = 0.2
_RETRY_SECONDS = 10.0
# Up to this many points outside the graph, an exact search is faster than building the graph.
EXACT_UP_TO = 20_000


class EdgeReader:
    """Searches the current revision and follows new ones."""

    def __init__(self, revisions: Revisions, embedder: EmbedderIdentity | None) -> None:
        """If `embedder` is None, the reader accepts a collection of any embedder and schema."""
        self._revisions = revisions
        self._embedder = embedder
        self._shard: Shard | None = None
        self._previous: Shard | None = None
        self._open: tuple[int, int] | None = None
        self.revision = ""

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        return self._shard.search(scope, query, limit, where) if self._shard else []

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        self._refresh_or_keep()
        if self._shard:
            async for record in self._shard.scroll(scope, where, with_vector=False):
                yield to_chunk(record.payload or {})

    async def documents(
        self, scope: Scope, where: ChunkFilter = EVERYTHING, *, newest_first: bool = False
    ) -> AsyncIterator[StoredDocument]:
        self._refresh_or_keep()
        if self._shard:
            async for payload in self._shard.documents(scope, where, newest_first=newest_first):
                yield to_stored_document(payload)

    async def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:
        self._refresh_or_keep()
        if self._shard:
            async for record in self._shard.scroll(scope, where, with_vector=True):
                yield to_point(record)

    async def survey(self, *, since: float) -> Survey:
        self._refresh_or_keep()
        return self._shard.survey(since=since) if self._shard else EMPTY

    async def scan(
        self, conditions: Sequence[Condition], with_vector: bool
    ) -> AsyncIterator[tuple[Payload, Vector | None]]:
        """Yield every point that meets all conditions, in the form in which it is stored."""
        self.refresh()
        if self._shard:
            async for record in self._shard.scan(conditions, with_vector=with_vector):
                yield record.payload or {}, dense_of(record) if with_vector else None

    async def count_by_shard(self) -> dict[int, int]:
        """Return nothing, because there is one copy of one shard."""
        return {}

    def refresh(self) -> None:
        """Load a newer revision beside the old one, then release the old one."""
        stamp, current = self._revisions.stamp(), self._revisions.current()
        if stamp == self._open:
            return
        if current is None:  # The collection was removed.
            self._shard, self._open, self.revision = None, None, ""
            return
        if self._embedder is not None:
            require_same_embedder(self._revisions.embedder() or self._embedder, self._embedder)
        # The old shard is released and not closed, because a running scroll still reads it.
        # It is released later, in `watch`: loading and releasing hold the GIL, and two short pauses delay streams less
        # than a long one.
        try:
            self._revisions.make_readable(current)
            loaded = Shard.load(current)
        except Unavailable:
            if self._revisions.stamp() == stamp:
                raise
            # Two later publications have removed this revision, so load the newest one.
            self.refresh()
            return
        self._previous, self._shard, self._open, self.revision = self._shard, loaded, stamp, current.name
        log.info("revision_opened", revision=self.revision)

    def _refresh_or_keep(self) -> None:
        """Refresh, or keep the opened revision if the newer one cannot be opened; `watch` logs the reason."""
        try:
            self.refresh()
        except Unavailable:
            if self._shard is None:
                raise

    async def watch(self) -> None:
        """Refresh for ever. If a revision cannot be opened, log it and keep the old one."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            self._previous = None
            try:
                self.refresh()
            except GroundworkError as error:
                log.error("revision_refused", reason=error.describe())
                await asyncio.sleep(_RETRY_SECONDS)


class EdgeWriter:
    """Writes the working shard, which readers see after its publication."""

    def __init__(
        self, shard: Shard, revisions: Revisions, embedder: EmbedderIdentity, *, exact_up_to: int = EXACT_UP_TO
    ) -> None:
        self._shard = shard
        self._revisions = revisions
        self._embedder = embedder
        self._exact_up_to = exact_up_to
        self._unindexed = revisions.unindexed()
        # The shard must not change while its files are copied.
        self._write_lock = asyncio.Lock()

    @property
    def revision(self) -> str:
        current = self._revisions.current()
        return current.name if current else ""

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        return self._shard.search(scope, query, limit, where)

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        async for record in self._shard.scroll(scope, where, with_vector=False):
            yield to_chunk(record.payload or {})

    async def documents(
        self, scope: Scope, where: ChunkFilter = EVERYTHING, *, newest_first: bool = False
    ) -> AsyncIterator[StoredDocument]:
        async for payload in self._shard.documents(scope, where, newest_first=newest_first):
            yield to_stored_document(payload)

    async def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:
        async for record in self._shard.scroll(scope, where, with_vector=True):
            yield to_point(record)

    async def survey(self, *, since: float) -> Survey:
        return self._shard.survey(since=since)

    async def stage(self, scope: Scope, points: Sequence[Point]) -> None:
        async with self._write_lock:
            self._revisions.require_room()
            self._shard.insert(scope, points)
            self._unindexed += len(points)

    async def commit(self, scope: Scope, document_id: DocumentId, version: str, *, order: int | None = None) -> None:
        async with self._write_lock:
            self._shard.commit(scope, document_id, version, order=order)

    async def delete(self, scope: Scope, document_id: DocumentId, *, order: int | None = None) -> None:
        async with self._write_lock:
            self._shard.delete(scope, document_id, order=order)

    async def find_partial(self, scope: Scope, versions: Mapping[DocumentId, str]) -> set[DocumentId]:  # noqa: ARG002
        """Return nothing: a commit is one step in one process, and readers see only published revisions."""
        return set()

    async def publish(self) -> None:
        async with self._write_lock:
            self._revisions.require_room()
            if self._unindexed > self._exact_up_to or self._shard.needs_vacuum():
                await finish(self._shard.optimize())
                self._unindexed = 0
            self._shard.flush()
            # To its end, because no other call, and no other writer, may touch the files before.
            await finish(asyncio.to_thread(self._revisions.publish, self._embedder, unindexed=self._unindexed))


@asynccontextmanager
async def open_edge_reader(root: Path, embedder: EmbedderIdentity) -> AsyncIterator[EdgeReader]:
    """Open a reader; raises `IndexMismatch` if another embedder filled the collection."""
    reader = EdgeReader(Revisions(root), embedder)
    reader.refresh()
    async with supervise("revision_watch", reader.watch(), essential=False):
        yield reader


@asynccontextmanager
async def open_edge_writer(
    root: Path, embedder: EmbedderIdentity, *, exact_up_to: int = EXACT_UP_TO
) -> AsyncIterator[EdgeWriter]:
    """Open the writer as `StoreBackend.open_writer` does."""
    revisions = Revisions(root)
    with revisions.write_lock():
        require_same_embedder(revisions.embedder() or embedder, embedder)
        revisions.require_room()
        if revisions.check_out():
            shard = Shard.load_to_write(revisions.working, embedder.dimension)
            # Staged points of an interrupted writer may have been published. No other writer can commit them.
            shard.delete_staged()
        else:
            shard = Shard.create(revisions.working, embedder.dimension)
        try:
            yield EdgeWriter(shard, revisions, embedder, exact_up_to=exact_up_to)
        finally:
            shard.close()
