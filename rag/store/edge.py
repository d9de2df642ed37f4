"""Qdrant's own engine in this process.

Its calls are short (0.7 ms a search at 5,000 points) and hold the GIL, so a thread would gain nothing: they run on
the event loop. Its long calls (`flush`, `optimize`) are the writer's, which is another process than the serving one.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as edge
import structlog

from rag.errors import GroundworkError, Unavailable
from rag.store.revisions import Revisions
from rag.store.schema import (
    DENSE,
    INTEGER_FIELDS,
    KEYWORD_FIELDS,
    RRF_K,
    SPARSE,
    build_bm25,
    candidates_for,
    require_same_embedder,
    to_chunk,
    to_conditions,
    to_payload,
    to_point_id,
)
from rag.types import EVERYTHING, Chunk, ChunkFilter, DocumentId, EmbedderIdentity, Point, Query, Scope, ScoredChunk

log = structlog.get_logger()

_SCROLL_PAGE = 256
_UPSERT_BATCH = 128
_WATCH_SECONDS = 0.2
_REFUSED_SECONDS = 10.0
# Below this an exact search is quicker than building a graph and exact besides: 6.6 ms at 100,000 points.
_UNINDEXED_POINTS = 20_000


class EdgeReader:
    """Searches the current revision, and moves to the next one when there is one."""

    def __init__(self, revisions: Revisions, embedder: EmbedderIdentity) -> None:
        self._revisions = revisions
        self._embedder = embedder
        self._bm25 = build_bm25()
        self._shard: edge.EdgeShard | None = None
        self._previous: edge.EdgeShard | None = None
        self._open: tuple[int, int] | None = None

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        return _search(self._shard, self._bm25, scope, query, limit, where) if self._shard else []

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        self.refresh()
        if self._shard:
            async for chunk in _scroll(self._shard, scope, where):
                yield chunk

    def refresh(self) -> None:
        """Loads a newer revision beside the old one, then lets the old one go."""
        stamp, current = self._revisions.stamp(), self._revisions.current()
        if stamp == self._open:
            return
        if current is None:  # The collection was removed.
            self._shard, self._open = None, None
            return
        require_same_embedder(self._revisions.embedder() or self._embedder, self._embedder)
        # The old shard is not closed but let go: a scroll that is under way reads it to its end. And not at once:
        # loading and letting go each hold the GIL, and streams feel one pause after the other less than both together.
        with _translated_errors():
            self._previous, self._shard = self._shard, edge.EdgeShard.load(str(current))
        self._open = stamp
        log.info("revision_opened", revision=current.name)

    async def watch(self) -> None:
        """Refreshes for ever; a revision that cannot be opened is reported, and the old one stays."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            self._previous = None
            try:
                self.refresh()
            except GroundworkError as error:
                log.error("revision_refused", reason=str(error))
                await asyncio.sleep(_REFUSED_SECONDS)


class EdgeWriter:
    """Writes the working shard; readers see it when it is published."""

    def __init__(self, shard: edge.EdgeShard, revisions: Revisions, embedder: EmbedderIdentity) -> None:
        self._shard = shard
        self._revisions = revisions
        self._embedder = embedder
        self._bm25 = build_bm25()
        self._unindexed = 0

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        return _search(self._shard, self._bm25, scope, query, limit, where)

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        async for chunk in _scroll(self._shard, scope, where):
            yield chunk

    async def upsert(self, scope: Scope, points: Sequence[Point]) -> None:
        edge_points = [_to_edge_point(scope, point, self._bm25) for point in points]
        for start in range(0, len(edge_points), _UPSERT_BATCH):
            batch = edge_points[start : start + _UPSERT_BATCH]
            with _translated_errors():
                self._shard.update(edge.UpdateOperation.upsert_points(batch))
        self._unindexed += len(points)

    async def delete(self, scope: Scope, document_id: DocumentId, *, keep: Collection[str] = ()) -> None:
        wanted = _to_filter(scope, ChunkFilter(document_ids=(document_id,)), without=keep)
        with _translated_errors():
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(wanted))

    async def publish(self) -> None:
        with _translated_errors():
            if self._unindexed > _UNINDEXED_POINTS:
                self._shard.optimize()
                self._unindexed = 0
            self._shard.flush()
        self._revisions.publish(self._embedder)


@asynccontextmanager
async def open_edge_reader(root: Path, embedder: EmbedderIdentity) -> AsyncIterator[EdgeReader]:
    """Raises `IndexMismatch` when another embedder filled the collection."""
    reader = EdgeReader(Revisions(root), embedder)
    reader.refresh()
    watcher = asyncio.create_task(reader.watch())
    try:
        yield reader
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher


@asynccontextmanager
async def open_edge_writer(root: Path, embedder: EmbedderIdentity) -> AsyncIterator[EdgeWriter]:
    """Raises `Locked` while another process writes, `IndexMismatch` when another embedder filled the collection."""
    revisions = Revisions(root)
    with revisions.write_lock():
        require_same_embedder(revisions.embedder() or embedder, embedder)
        copied = revisions.check_out()
        working = str(revisions.working)
        with _translated_errors():
            shard = edge.EdgeShard.load(working) if copied else _create_shard(working, embedder.dimension)
        try:
            yield EdgeWriter(shard, revisions, embedder)
        finally:
            shard.close()


def _create_shard(path: str, dimension: int) -> edge.EdgeShard:
    Path(path).mkdir(parents=True)
    config = edge.EdgeConfig(
        vectors={DENSE: edge.EdgeVectorParams(dimension, edge.Distance.Cosine)},
        sparse_vectors={SPARSE: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        # Nothing is acknowledged before it is flushed and published, so a log of single updates would guard nothing.
        wal_enabled=False,
    )
    shard = edge.EdgeShard.create(path, config)
    for field in KEYWORD_FIELDS:
        shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))
    for field in INTEGER_FIELDS:
        shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Integer))
    return shard


def _search(
    shard: edge.EdgeShard, bm25: edge.Bm25, scope: Scope, query: Query, limit: int, where: ChunkFilter
) -> list[ScoredChunk]:
    wanted = _to_filter(scope, where)
    candidates = candidates_for(limit)
    rankings = [(query.vector.tolist(), DENSE), (bm25.embed_query(query.text), SPARSE)]
    request = edge.QueryRequest(
        limit=limit,
        prefetches=[
            edge.Prefetch(limit=candidates, query=edge.Query.Nearest(form, using=name), filter=wanted)
            for form, name in rankings
        ],
        # The stub does not know that Rrf is a Fusion.
        query=edge.Fusion.Rrf(RRF_K),  # type: ignore[arg-type]
        with_payload=True,
        with_vector=[DENSE],
    )
    with _translated_errors():
        points = shard.query(request)
    return [_to_scored_chunk(point, query) for point in points]


async def _scroll(shard: edge.EdgeShard, scope: Scope, where: ChunkFilter) -> AsyncIterator[Chunk]:
    wanted = _to_filter(scope, where)
    offset: Any = None
    while True:
        request = edge.ScrollRequest(
            offset=offset, limit=_SCROLL_PAGE, filter=wanted, with_payload=True, with_vector=False
        )
        with _translated_errors():
            page, offset = shard.scroll(request)
        for record in page:
            yield to_chunk(record.payload or {})
        if offset is None:
            return
        await asyncio.sleep(0)  # Between pages others have their turn.


def _to_scored_chunk(found: edge.ScoredPoint, query: Query) -> ScoredChunk:
    vectors: Any = found.vector
    return ScoredChunk(
        chunk=to_chunk(found.payload or {}),
        score=found.score,
        similarity=float(np.dot(query.vector, vectors[DENSE])),
    )


def _to_edge_point(scope: Scope, point: Point, bm25: edge.Bm25) -> edge.Point:
    vectors = {DENSE: point.vector.tolist(), SPARSE: bm25.embed_document(point.chunk.passage)}
    return edge.Point(to_point_id(scope, point.chunk.id), vectors, to_payload(scope, point.chunk))


def _to_filter(scope: Scope, where: ChunkFilter, *, without: Collection[str] = ()) -> edge.Filter:
    must: list[Any] = [
        edge.FieldCondition(field, match=edge.MatchAny(values)) for field, values in to_conditions(scope, where).items()
    ]
    return edge.Filter(
        must=must,
        must_not=[edge.HasIdCondition({to_point_id(scope, chunk_id) for chunk_id in without})] if without else None,
    )


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise Unavailable(f"The embedded store failed: {error}") from error
