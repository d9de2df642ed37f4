"""Changes the embedder: embeds the stored text again into a second collection while the first one serves."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.migration.embedder_checks import require_valid
from ingest.pipeline.batching import Batcher, open_batcher
from ingest.pipeline.writer_lock import wait_for_writer_lock
from ingest.settings import Settings
from rag.embedding.base import Embedder
from rag.embedding.factory import build_tokenizer, open_embedder
from rag.errors import BadResponse, InvalidInput
from rag.http import open_session
from rag.store.backend import Migration
from rag.store.base import StoreReader
from rag.store.factory import build_backend
from rag.types import FIRST_CHUNKS, Chunk, ChunkFilter, DocumentId, Point, Query, Scope

_SLICE_CHUNKS = 256
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
class ReindexResult:
    """The size of the new collection and the quality of its vectors."""

    documents: int
    chunks: int
    self_recall: float
    """Share of a sample of passages that are among the first five results of a search for their own text."""


async def reindex(settings: Settings, report: Callable[[str], None]) -> ReindexResult:
    """Fill and verify a collection of the configured embedder, and switch to it.

    Raises `BadResponse` and switches nothing if the embedder, the counts or the sample fail their checks.
    """
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
        open_batcher(embedder) as batcher,
        build_backend(settings.store, root=settings.store_dir).open_migration(embedder.identity) as migration,
    ):
        await require_valid(embedder, build_tokenizer(settings.embedder))
        for number in range(1, _MAX_PASSES + 1):
            # Documents that change during a pass are copied by the next one, so each pass is shorter than the last.
            updated = await _copy_differences(migration, batcher)
            report(f"pass {number}: {updated} documents updated")
            if updated == 0:
                break
        async with wait_for_writer_lock(migration.pause) as paused:
            began = time.time()
            await _copy_differences(migration, batcher)
            result = await _verify(migration, embedder, since=None if paused else began - _CLOCK_SKEW_SECONDS)
            switched = time.time()
            await migration.switch()
        if not paused:
            # On a server, writers may have written to the old collection until they noticed the switch.
            await asyncio.sleep(_WRITERS_STOP_SECONDS)
            await _copy_differences(migration, batcher, switched=switched)
        return result


async def roll_back_reindex(settings: Settings) -> bool:
    """Return to the collection before the last switch. Return True if it has another embedder.

    Raises `InvalidInput` if the configured embedder cannot search that collection, as after a second rollback.
    """
    backend = build_backend(settings.store, root=settings.store_dir)
    current, previous = await backend.embedder(), await backend.fallback_embedder()
    if previous != current:
        async with (
            open_session(settings.http) as session,
            open_embedder(settings.embedder, session, models=settings.models_dir, known=previous) as embedder,
        ):
            if embedder.identity != previous:
                raise InvalidInput(
                    f"The previous collection was embedded by {previous.model}, but {embedder.identity.model} is "
                    f"configured. Set RAG_EMBEDDER__MODEL={previous.model} and roll back again, or run `python -m "
                    "ingest reindex`, which also keeps the documents that were ingested since the switch."
                )
    await backend.roll_back()
    return previous != current


async def _copy_differences(migration: Migration, batcher: Batcher, *, switched: float = math.inf) -> int:
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
                await _copy_document(scope, document_id, migration, batcher)
            else:
                await migration.require_unchanged()
                await successor.delete(scope, document_id)
            differing += 1
            if time.monotonic() - published > _PUBLISH_SECONDS:
                await successor.publish()
                published = time.monotonic()
    return differing


async def _copy_document(scope: Scope, document_id: DocumentId, migration: Migration, batcher: Batcher) -> None:
    where = ChunkFilter(document_ids=(document_id,))
    chunks = [chunk async for chunk in migration.current.scroll(scope, where)]
    for start in range(0, len(chunks), _SLICE_CHUNKS):
        part = chunks[start : start + _SLICE_CHUNKS]
        vectors = await batcher.embed([chunk.passage for chunk in part])
        points = [Point(chunk=chunk, vector=vector) for chunk, vector in zip(part, vectors, strict=True)]
        await migration.successor.stage(scope, points)
    await migration.require_unchanged()
    if chunks:  # The document may have been removed since it was listed.
        await migration.successor.commit(scope, document_id, chunks[0].version)


async def _verify(migration: Migration, embedder: Embedder, *, since: float | None) -> ReindexResult:
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
            f"current one {old.documents} and {old.chunks}. Nothing was switched. Run `reindex` again."
        )
    share = await _measure_self_recall(successor, old.tenants, embedder)
    if share < _MIN_SELF_RECALL:
        raise BadResponse(
            f"Only {share:.0%} of a sample of passages find themselves in the new collection, at least "
            f"{_MIN_SELF_RECALL:.0%} are expected. Nothing was switched. The embedder's vectors are wrong."
        )
    return ReindexResult(documents=new.documents, chunks=new.chunks, self_recall=share)


async def _measure_self_recall(store: StoreReader, tenants: Sequence[str], embedder: Embedder) -> float:
    sample: list[tuple[Scope, Chunk]] = []
    for tenant in tenants:
        scope = Scope(tenant=tenant)
        firsts = [chunk async for chunk in store.scroll(scope, FIRST_CHUNKS)]
        sample += [(scope, chunk) for chunk in random.Random(0).sample(firsts, min(_SAMPLE, len(firsts)))]
    self_hits = 0
    for scope, chunk in sample:
        query = Query(text=chunk.passage, vector=await embedder.embed_query(chunk.passage))
        self_hits += any(hit.chunk.text == chunk.text for hit in await store.search(scope, query, limit=_RECALL_AT))
    return self_hits / len(sample) if sample else 1.0
