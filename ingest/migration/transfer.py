"""Fills the next collection from the stored text, verifies it, and switches to it, while the current one serves."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ingest.metrics import RETRIES
from ingest.pipeline.batching import Batcher
from ingest.pipeline.writer_lock import wait_for_writer_lock
from rag.embedding.base import Embedder
from rag.errors import BadResponse
from rag.store.backend import Migration
from rag.store.base import StoreReader, VectorStore
from rag.store.retrying import RetryingStore
from rag.types import FIRST_CHUNKS, ChunkFilter, DocumentId, Point, Query, Scope, Vector

_SLICE_POINTS = 256
_MAX_PASSES = 20
# Limits how much work is lost if this process is killed.
_PUBLISH_SECONDS = 60
_SAMPLE = 50
_RECALL_AT = 5
# Allowed difference between the clocks of this machine and of other machines that write to the collection.
_CLOCK_SKEW_SECONDS = 60
# Writers check every two seconds whether the alias still names their collection, so all have stopped after five.
_WRITERS_STOP_SECONDS = 5
# A passage almost always finds itself by its own words, so a lower share means wrong vectors and not a weak model.
_MIN_SELF_RECALL = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferResult:
    """The size of the new collection and the quality of its vectors."""

    documents: int
    chunks: int
    self_recall: float
    """Share of a sample of passages that are among the first five results of a search for their own text."""


class VectorSource(Protocol):
    """The vectors of the new collection."""

    async def of_passages(self, points: Sequence[Point]) -> list[Vector]:
        """Return the vectors to store with these points."""

    async def of_question(self, point: Point) -> Vector:
        """Return the vector to search with for the text of this point."""


class StoredVectors:
    """The vectors of the current collection, if its embedder stays."""

    async def of_passages(self, points: Sequence[Point]) -> list[Vector]:
        return [point.vector for point in points]

    async def of_question(self, point: Point) -> Vector:
        return point.vector


class NewVectors:
    """The vectors of another embedder."""

    def __init__(self, embedder: Embedder, batcher: Batcher) -> None:
        self._embedder = embedder
        self._batcher = batcher

    async def of_passages(self, points: Sequence[Point]) -> list[Vector]:
        return await self._batcher.embed([point.chunk.passage for point in points])

    async def of_question(self, point: Point) -> Vector:
        return await self._embedder.embed_query(point.chunk.passage)


async def transfer(migration: Migration, vectors: VectorSource, report: Callable[[str], None]) -> TransferResult:
    """Fill and verify the successor, and switch to it.

    Raises `BadResponse` and switches nothing if the counts or the sample fail their checks.
    """
    for number in range(1, _MAX_PASSES + 1):
        # Documents that change during a pass are copied by the next one, so each pass is shorter than the last.
        updated = await _copy_differences(migration, vectors)
        report(f"pass {number}: {updated} documents updated")
        if updated == 0:
            break
    async with wait_for_writer_lock(migration.pause) as paused:
        began = time.time()
        await _copy_differences(migration, vectors)
        result = await _verify(migration, vectors, since=None if paused else began - _CLOCK_SKEW_SECONDS)
        switched = time.time()
        await migration.switch()
    if migration.keeps_current and not paused:
        # On a server, writers may have written to the old collection until they noticed the switch.
        await asyncio.sleep(_WRITERS_STOP_SECONDS)
        await _copy_differences(migration, vectors, switched=switched)
    return result


async def _copy_differences(migration: Migration, vectors: VectorSource, *, switched: float = math.inf) -> int:
    """Make the successor equal to the current collection; return how many documents differed.

    Documents that the successor has ingested itself since the switch (a Unix time) are newer and stay.
    """
    current, successor = migration.current, migration.successor
    tenants = {*(await current.survey(since=0)).tenants, *(await successor.survey(since=0)).tenants}
    published, differing = time.monotonic(), 0
    for tenant in tenants:
        scope = Scope(tenant=tenant)
        wanted = {chunk.document_id: chunk.version async for chunk in current.scroll(scope, FIRST_CHUNKS)}
        copied = {chunk.document_id: chunk async for chunk in successor.scroll(scope, FIRST_CHUNKS)}
        newer = {document_id for document_id, chunk in copied.items() if chunk.ingested_at >= switched}
        for document_id in (wanted.keys() | copied.keys()) - newer:
            copy = copied.get(document_id)
            if copy is not None and copy.version == wanted.get(document_id):
                continue
            if document_id in wanted:
                await _copy_document(scope, document_id, migration, vectors)
            else:
                await migration.require_unchanged()
                await _writes_to(successor).delete(scope, document_id)
            differing += 1
            if time.monotonic() - published > _PUBLISH_SECONDS:
                await successor.publish()
                published = time.monotonic()
    return differing


async def _copy_document(scope: Scope, document_id: DocumentId, migration: Migration, vectors: VectorSource) -> None:
    successor, where = _writes_to(migration.successor), ChunkFilter(document_ids=(document_id,))
    points = [point async for point in migration.current.scroll_points(scope, where)]
    for start in range(0, len(points), _SLICE_POINTS):
        part = points[start : start + _SLICE_POINTS]
        copied = zip(part, await vectors.of_passages(part), strict=True)
        await successor.stage(scope, [replace(point, vector=vector) for point, vector in copied])
    await migration.require_unchanged()
    if points:  # The document may have been removed since it was listed.
        await successor.commit(scope, document_id, points[0].chunk.version, order=points[0].order or None)


def _writes_to(successor: VectorStore) -> VectorStore:
    """Return the store for writes, which are repeated, because a lost node must not end a migration of hours."""
    return RetryingStore(successor, RETRIES.labels("upsert"))


async def _verify(migration: Migration, vectors: VectorSource, *, since: float | None) -> TransferResult:
    """Compare counts and search for a sample; raises `BadResponse` if documents or results are missing.

    If writers go on, only documents from before `since` (a Unix time) are counted: later ones are copied afterwards.
    """
    successor = migration.successor
    old, new = await migration.current.survey(since=since or 0), await successor.survey(since=since or 0)
    if since is None:
        is_complete = (old.documents, old.chunks) == (new.documents, new.chunks)
    else:
        is_complete = new.chunks - new.recent_chunks >= old.chunks - old.recent_chunks
    if not is_complete:
        raise BadResponse(
            f"The new collection is not complete: it has {new.documents} documents and {new.chunks} chunks, the "
            f"current one {old.documents} and {old.chunks}. Nothing was switched. Run the command again."
        )
    share = await _measure_self_recall(successor, old.tenants, vectors)
    if share < _MIN_SELF_RECALL:
        raise BadResponse(
            f"The embedder's vectors are wrong: only {share:.0%} of a sample of passages were found by their own text, "
            f"at least {_MIN_SELF_RECALL:.0%} are expected. Nothing was switched. Check the embedder."
        )
    return TransferResult(documents=new.documents, chunks=new.chunks, self_recall=share)


async def _measure_self_recall(store: StoreReader, tenants: Sequence[str], vectors: VectorSource) -> float:
    sample: list[tuple[Scope, Point]] = []
    for tenant in tenants:
        scope = Scope(tenant=tenant)
        document_ids = [chunk.document_id async for chunk in store.scroll(scope, FIRST_CHUNKS)]
        chosen = random.Random(0).sample(document_ids, min(_SAMPLE, len(document_ids)))
        where = replace(FIRST_CHUNKS, document_ids=tuple(chosen))
        sample += [(scope, point) async for point in store.scroll_points(scope, where)]
    self_hits = 0
    for scope, point in sample:
        query = Query(text=point.chunk.passage, vector=await vectors.of_question(point))
        hits = await store.search(scope, query, limit=_RECALL_AT)
        self_hits += any(hit.chunk.text == point.chunk.text for hit in hits)
    return self_hits / len(sample) if sample else 1.0
