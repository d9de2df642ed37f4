"""The way of one document into the collection: fetch, parse, embed, stage and commit."""

import asyncio
from collections import ChainMap
from collections.abc import Hashable, Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from ingest.metrics import CHUNKS, DOCUMENTS, RETRIES, STAGES, WARNINGS
from ingest.pipeline.batching import Batcher
from ingest.pipeline.preparation import (
    ChunkingParser,
    IngestResult,
    StoredDocuments,
    prepare,
    rejection_of,
    stored_documents,
)
from ingest.sources.base import Unit
from rag.errors import InvalidInput
from rag.inbox.base import Entry
from rag.store.base import VectorStore
from rag.store.retrying import RetryingStore
from rag.tracing.spans import span
from rag.types import Chunk, ChunkFilter, DocumentId, Point, Scope, Vector

# A long document is written in slices while the next ones are embedded, so its vectors are never in memory all at once.
_SLICE_CHUNKS = 256


class Pipeline:
    """Ingests documents concurrently: some are fetched and parsed while others are embedded and written.

    Documents become visible to readers when the store is published, which is the caller's task.
    """

    def __init__(self, store: VectorStore, batcher: Batcher, parser: ChunkingParser) -> None:
        self._store = store
        self._batcher = batcher
        self._parser = parser
        self._locks = _Locks()

    async def look_up(self, scope: Scope, document_ids: Sequence[DocumentId]) -> StoredDocuments:
        """Return the stored state of these documents, without those in progress; many cost one request."""
        idle = [document_id for document_id in document_ids if not self._locks.is_held((scope, document_id))]
        return await self._look_up(scope, idle)

    async def ingest(
        self, scope: Scope, unit: Unit, stored: StoredDocuments, entry: Entry | None = None
    ) -> IngestResult:
        """Write the document if it is new or changed. `stored` may have the result of `look_up` for it.

        `entry` is the claimed entry of the inbox, if the document comes from there.

        A document that cannot be parsed or embedded is rejected, and one without text is empty: both are results.
        The stored version of an empty document is removed. A raised error means that the store or the
        embedder failed: it did not answer during all retries, or it refuses every document.
        """
        # Two states of one document are written one after the other, and for the second the look-up is out of date.
        is_second = self._locks.is_held((scope, unit.id))
        async with self._locks.of((scope, unit.id)):
            if is_second or unit.id not in stored:
                stored = await self._look_up(scope, [unit.id])
            return _count(await self._ingest(scope, unit, stored[unit.id], entry))

    async def remove(self, scope: Scope, document_id: DocumentId, uri: str, entry: Entry | None = None) -> IngestResult:
        """Delete a document from the collection."""
        async with self._locks.of((scope, document_id)):
            await self._retrying(entry).delete(scope, document_id, order=entry.order if entry else None)
            return _count(IngestResult(uri=uri, status="removed"))

    async def _ingest(self, scope: Scope, unit: Unit, stored: Chunk | None, entry: Entry | None) -> IngestResult:
        prepared = await prepare(unit, stored, self._parser)
        store, order = self._retrying(entry), entry.order if entry else None
        if isinstance(prepared, IngestResult):
            if prepared.removes_version:
                await store.delete(scope, unit.id, order=order)
            return prepared
        version = prepared.chunks[0].version
        vectors = await _stored_vectors(store, scope, stored)
        try:
            for start in range(0, len(prepared.chunks), _SLICE_CHUNKS):
                await self._stage(store, scope, prepared.chunks[start : start + _SLICE_CHUNKS], vectors, order or 0)
        except InvalidInput as error:
            return rejection_of(unit, error, version=version)
        with span("commit"):
            await store.commit(scope, unit.id, version, order=order)
        return prepared.result

    async def _stage(
        self, store: VectorStore, scope: Scope, chunks: Sequence[Chunk], stored: dict[str, Vector], order: int
    ) -> None:
        missing = list({chunk.passage: None for chunk in chunks if chunk.passage not in stored})
        vectors = ChainMap(dict(zip(missing, await self._batcher.embed(missing), strict=True)), stored)
        points = [Point(chunk=chunk, vector=vectors[chunk.passage], order=order) for chunk in chunks]
        with STAGES.stage("upsert", span_name="upsert"):
            await store.stage(scope, points)
        CHUNKS.labels("embedded").inc(len(missing))
        CHUNKS.labels("kept").inc(len(chunks) - len(missing))

    async def _look_up(self, scope: Scope, document_ids: Sequence[DocumentId]) -> StoredDocuments:
        store = self._retrying(None)
        stored = await stored_documents(store, scope, document_ids)
        versions = {document_id: first.version for document_id, first in stored.items() if first}
        partial = await store.find_partial(scope, versions)
        # Without a version it counts as changed, so its commit is done again.
        return {key: replace(first, version="") if first and key in partial else first for key, first in stored.items()}

    def _retrying(self, entry: Entry | None) -> RetryingStore:
        return RetryingStore(self._store, RETRIES.labels("upsert"), confirm=entry.confirm if entry else None)


class _Locks:
    """One lock per document, so that none is written twice at once. It exists while a task holds or awaits it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def is_held(self, key: Hashable) -> bool:
        return key in self._locks

    def of(self, key: Hashable) -> asyncio.Lock:
        """Return the lock of this key; waiting tasks get it in their order of arrival."""
        return self._locks.setdefault(key, asyncio.Lock())


async def _stored_vectors(store: VectorStore, scope: Scope, stored: Chunk | None) -> dict[str, Vector]:
    """Return the vectors of the stored version by passage: a passage that did not change is not embedded again."""
    if stored is None:
        return {}
    where = ChunkFilter(document_ids=(stored.document_id,))
    return {point.chunk.passage: point.vector async for point in store.scroll_points(scope, where)}


def _count(result: IngestResult) -> IngestResult:
    DOCUMENTS.labels(result.status).inc()
    if result.status in {"new", "changed"}:
        for warning in result.warnings:
            WARNINGS.labels(warning.code).inc()
    return result
