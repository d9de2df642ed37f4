"""`python -m ingest reindex`: the collection anew for another embedder, from the stored text, while it serves."""

import asyncio
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from ingest.migration.embedder_checks import require_valid
from ingest.pipeline.batching import Batcher, open_batcher
from ingest.pipeline.turns import in_turn
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
_MOST_PASSES = 20
_PUBLISH_SECONDS = 60
_SAMPLE = 50
_FOUND_AMONG = 5
# Of the clocks of those who write meanwhile.
_SKEW_SECONDS = 60
# Writers look every other second whether their collection still is the one that serves.
_NOTICED_SECONDS = 5
# A passage asked for by its own words: below this share something is wrong with the vectors, not with the model.
_LEAST_FOUND = 0.9

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindexed:
    """What the new collection has."""

    documents: int
    chunks: int
    found: float
    """Share of a sample of passages that their own words find among the first five."""


async def reindex(settings: Settings, say: Say) -> Reindexed:
    """Fills, verifies and switches to a collection of the configured embedder, if that is a sound one.

    Raises `BadResponse` where it is not, or where counts or the sample do not fit, and then nothing is switched.
    """
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
        open_batcher(embedder) as batcher,
        build_backend(settings.store, root=settings.store_dir).open_migration(embedder.identity) as migration,
    ):
        await require_valid(embedder, build_tokenizer(settings.embedder))
        for number in range(1, _MOST_PASSES + 1):
            # What comes in meanwhile is brought over by the next pass, so each is shorter than the one before.
            brought = await _bring_over(migration, batcher)
            say(f"pass {number}: {brought} documents brought over")
            if brought == 0:
                break
        async with in_turn(migration.pause) as paused:
            began = time.time()
            await _bring_over(migration, batcher)
            result = await _verify(migration, embedder, since=None if paused else began - _SKEW_SECONDS)
            switched = time.time()
            await migration.switch()
        if not paused:
            await asyncio.sleep(_NOTICED_SECONDS)
            await _bring_over(migration, batcher, switched=switched)
        return result


async def go_back(settings: Settings) -> bool:
    """At once to the collection from before the last switch, which lacks what came since; whether its embedder differs.

    Raises `InvalidInput` where the configured embedder could not search it: that one's collection may be back already.
    """
    backend = build_backend(settings.store, root=settings.store_dir)
    left, kept = await backend.embedder(), await backend.fallback_embedder()
    if kept != left:
        async with (
            open_session(settings.http) as session,
            open_embedder(settings.embedder, session, models=settings.models_dir, known=kept) as embedder,
        ):
            if embedder.identity != kept:
                raise InvalidInput(
                    f"The collection that is kept is of {kept.model}, and {embedder.identity.model} is configured. "
                    f"Configure {kept.model}, then run this again; or `python -m ingest reindex`, which also brings "
                    "what came in since the switch."
                )
    await backend.roll_back()
    return kept != left


async def _bring_over(migration: Migration, batcher: Batcher, *, switched: float = math.inf) -> int:
    """How many documents differed; what came into the successor by itself since the switch is newer and stays."""
    current, successor = migration.current, migration.successor
    tenants = {*(await current.survey(since=0)).tenants, *(await successor.survey(since=0)).tenants}
    published, brought = time.monotonic(), 0
    for tenant in tenants:
        scope = Scope(tenant=tenant)
        wanted = {chunk.document_id: chunk.version async for chunk in current.scroll(scope, FIRST_CHUNKS)}
        there = {chunk.document_id: chunk async for chunk in successor.scroll(scope, FIRST_CHUNKS)}
        own = {document_id for document_id, chunk in there.items() if chunk.ingested_at >= switched}
        for document_id in (wanted.keys() | there.keys()) - own:
            found = there.get(document_id)
            if found is not None and found.version == wanted.get(document_id):
                continue
            if document_id in wanted:
                await _embed_anew(scope, document_id, migration, batcher)
            else:
                await migration.require_unchanged()
                await successor.delete(scope, document_id)
            brought += 1
            if time.monotonic() - published > _PUBLISH_SECONDS:  # So much is lost at most when this run is killed.
                await successor.publish()
                published = time.monotonic()
    return brought


async def _embed_anew(scope: Scope, document_id: DocumentId, migration: Migration, batcher: Batcher) -> None:
    own = ChunkFilter(document_ids=(document_id,))
    chunks = [chunk async for chunk in migration.current.scroll(scope, own)]
    for start in range(0, len(chunks), _SLICE_CHUNKS):
        part = chunks[start : start + _SLICE_CHUNKS]
        vectors = await batcher.embed([chunk.passage for chunk in part])
        points = [Point(chunk=chunk, vector=vector) for chunk, vector in zip(part, vectors, strict=True)]
        await migration.successor.stage(scope, points)
    await migration.require_unchanged()
    if chunks:  # It may have been removed meanwhile.
        await migration.successor.commit(scope, document_id, chunks[0].version)


async def _verify(migration: Migration, embedder: Embedder, *, since: float | None) -> Reindexed:
    """Nothing may be missing; where writers go on, of what came in before `since`: the rest is brought over later."""
    successor = migration.successor
    old, new = await migration.current.survey(since=since or 0), await successor.survey(since=since or 0)
    if since is None:
        is_whole = (old.documents, old.chunks) == (new.documents, new.chunks)
    else:
        is_whole = new.chunks - new.recent_chunks >= old.chunks - old.recent_chunks
    if not is_whole:
        raise BadResponse(
            f"The new collection has {new.documents} documents and {new.chunks} chunks, the current one "
            f"{old.documents} and {old.chunks}. Nothing was switched; run it again."
        )
    sample: list[tuple[Scope, Chunk]] = []
    for tenant in old.tenants:
        scope = Scope(tenant=tenant)
        firsts = [chunk async for chunk in successor.scroll(scope, FIRST_CHUNKS)]
        sample += [(scope, chunk) for chunk in random.Random(0).sample(firsts, min(_SAMPLE, len(firsts)))]
    found = [await _finds(successor, scope, chunk, embedder) for scope, chunk in sample]
    share = sum(found) / len(found) if found else 1.0
    if share < _LEAST_FOUND:
        raise BadResponse(f"Only {share:.0%} of a sample of passages find themselves. Nothing was switched.")
    return Reindexed(documents=new.documents, chunks=new.chunks, found=share)


async def _finds(store: StoreReader, scope: Scope, chunk: Chunk, embedder: Embedder) -> bool:
    query = Query(text=chunk.passage, vector=await embedder.embed_query(chunk.passage))
    return any(hit.chunk.text == chunk.text for hit in await store.search(scope, query, limit=_FOUND_AMONG))
