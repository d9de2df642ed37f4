"""Parse, chunk, embed, write: what happens to each document, and what became of it."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog

from ingest.chunking import Chunker
from ingest.metrics import CHUNKS, DOCUMENTS, LAST_SUCCESS, STAGE_DURATION
from ingest.parsing.factory import parse
from ingest.sources.base import Rejection
from rag.embedding.base import Embedder
from rag.errors import InvalidInput
from rag.store.base import StoreReader, VectorStore
from rag.types import Chunk, ChunkFilter, DocumentId, Point, RawDocument, Scope, hash_of

log = structlog.get_logger()

# Enough chunks for full batches of like length, few enough to see progress.
_BATCH_CHUNKS = 128
# What a crash may cost of a long run.
_PUBLISH_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one document."""

    uri: str
    result: Literal["new", "changed", "unchanged", "rejected"]
    chunks: int = 0
    reason: str | None = None

    @property
    def changes_collection(self) -> bool:
        return self.result in {"new", "changed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A document that is parsed and chunked and waits for its vectors."""

    outcome: Outcome
    document_id: DocumentId
    chunks: Sequence[Chunk]


class Planner:
    """Decides what a document needs, without a model and without writing anything."""

    def __init__(self, store: StoreReader, chunker: Chunker, scope: Scope) -> None:
        self._store = store
        self._chunker = chunker
        self._scope = scope

    async def prepare(self, unit: RawDocument | Rejection) -> Outcome | _Prepared:
        """An `Outcome` where nothing is left to do: unchanged, or rejected with the reason."""
        if isinstance(unit, Rejection):
            return Outcome(uri=unit.uri, result="rejected", reason=unit.reason)
        known = await self._known_hash(unit.id)
        if known == hash_of(unit.body):
            return Outcome(uri=unit.uri, result="unchanged")
        try:
            chunks = self._chunk(unit)
        except InvalidInput as error:
            return Outcome(uri=unit.uri, result="rejected", reason=str(error))
        except Exception as error:
            # The one boundary of its kind: a document that breaks a parser must not stop the others.
            log.exception("document_broke_a_parser", uri=unit.uri)
            return Outcome(uri=unit.uri, result="rejected", reason=f"It broke the parser ({type(error).__name__}).")
        outcome = Outcome(uri=unit.uri, result="changed" if known else "new", chunks=len(chunks))
        return _Prepared(outcome=outcome, document_id=unit.id, chunks=chunks)

    async def _known_hash(self, document_id: DocumentId) -> str | None:
        first = ChunkFilter(document_ids=(document_id,), ordinals=(0,))
        async for chunk in self._store.scroll(self._scope, first):
            return chunk.content_hash
        return None

    def _chunk(self, raw: RawDocument) -> list[Chunk]:
        with STAGE_DURATION.labels("parse").time():
            document = parse(raw)
        with STAGE_DURATION.labels("chunk").time():
            return self._chunker.chunk(document, ingested_at=time.time())


async def plan(
    units: AsyncIterator[RawDocument | Rejection], store: StoreReader, chunker: Chunker, scope: Scope
) -> AsyncIterator[Outcome]:
    """What `ingest_documents` would do."""
    planner = Planner(store, chunker, scope)
    async for unit in units:
        prepared = await planner.prepare(unit)
        yield prepared if isinstance(prepared, Outcome) else prepared.outcome


async def ingest_documents(
    units: AsyncIterator[RawDocument | Rejection],
    store: VectorStore,
    embedder: Embedder,
    chunker: Chunker,
    scope: Scope,
) -> AsyncIterator[Outcome]:
    """Takes documents in and yields what became of each; the caller publishes at the end.

    A long run is published on its way too, so that it becomes visible bit by bit.
    """
    published = time.monotonic()
    async for batch in _batches(units, Planner(store, chunker, scope)):
        if isinstance(batch, Outcome):
            yield _counted(batch)
            continue
        for outcome in await _write(batch, store, embedder, scope):
            yield outcome
        if time.monotonic() - published > _PUBLISH_SECONDS:
            await publish(store)
            published = time.monotonic()


async def remove_document(store: VectorStore, scope: Scope, document_id: DocumentId) -> None:
    """Takes a document out; visible when it is published."""
    await store.delete(scope, document_id)
    DOCUMENTS.labels("removed").inc()


async def publish(store: VectorStore) -> None:
    with STAGE_DURATION.labels("publish").time():
        await store.publish()
    LAST_SUCCESS.set_to_current_time()


async def _batches(
    units: AsyncIterator[RawDocument | Rejection], planner: Planner
) -> AsyncIterator[Outcome | list[_Prepared]]:
    batch: list[_Prepared] = []
    async for unit in units:
        prepared = await planner.prepare(unit)
        if isinstance(prepared, Outcome):
            yield prepared
            continue
        batch.append(prepared)
        if sum(len(waiting.chunks) for waiting in batch) >= _BATCH_CHUNKS:
            yield batch
            batch = []
    if batch:
        yield batch


async def _write(batch: Sequence[_Prepared], store: VectorStore, embedder: Embedder, scope: Scope) -> list[Outcome]:
    chunks = [chunk for prepared in batch for chunk in prepared.chunks]
    with STAGE_DURATION.labels("embed").time():
        vectors = await embedder.embed_passages([chunk.passage for chunk in chunks])
    points = [Point(chunk=chunk, vector=vector) for chunk, vector in zip(chunks, vectors, strict=True)]
    with STAGE_DURATION.labels("upsert").time():
        # A document's first chunk carries the hash by which the next run calls it unchanged. It is written last, when
        # the others are in and the stale ones are gone: whatever breaks off before is done again.
        await store.upsert(scope, [point for point in points if point.chunk.ordinal > 0])
        for prepared in batch:
            await store.delete(scope, prepared.document_id, keep={chunk.id for chunk in prepared.chunks})
        await store.upsert(scope, [point for point in points if point.chunk.ordinal == 0])
    CHUNKS.inc(len(chunks))
    return [_counted(prepared.outcome) for prepared in batch]


def _counted(outcome: Outcome) -> Outcome:
    DOCUMENTS.labels(outcome.result).inc()
    return outcome
