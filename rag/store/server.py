"""A Qdrant server or cluster, over gRPC."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
import structlog
from qdrant_client import AsyncQdrantClient, models

from rag.errors import BadResponse, GroundworkError, IndexMismatch
from rag.settings import ServerStoreSettings
from rag.store.base import Survey
from rag.store.collections import Collections, translated_errors
from rag.store.fusion import SMOOTHED, Fused, Ranked, fuse, smooth
from rag.store.schema import (
    DENSE,
    SPARSE,
    AnyOf,
    Condition,
    StartsWith,
    Within,
    build_bm25,
    candidates_for,
    moved_towards,
    newest_versions,
    rankings_of,
    require_same_embedder,
    to_chunk,
    to_conditions,
    to_payload,
    to_point_id,
    to_scored_chunk,
)
from rag.types import EVERYTHING, Chunk, ChunkFilter, DocumentId, EmbedderIdentity, Point, Query, Scope, ScoredChunk

log = structlog.get_logger()

_SCROLL_PAGE = 256
_UPSERT_BATCH = 128
_MOST_TENANTS = 10_000
_WATCH_SECONDS = 2.0
_STAGED_AT = "staged_at"
# Longer than any document takes from its first staged point to its commit.
_STAGED_SECONDS = 24 * 3600.0

_Form = list[float] | models.SparseVector


class ServerStore:
    """Reads and writes one collection; what is committed is visible at once, so there is nothing to publish."""

    def __init__(self, client: AsyncQdrantClient, collection: str) -> None:
        self._client = client
        self._collection = collection
        self._refusal: IndexMismatch | None = None
        self._bm25 = build_bm25()

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        """Both rankings as ids and scores in one round trip, fused here; then the points of the best in another."""
        depth, wanted = candidates_for(limit), _to_filter(scope, where)
        found = await self._rank({name: self._to_form(query, name) for name in rankings_of(query)}, depth, wanted)
        fused = fuse(found.get(DENSE, []), found.get(SPARSE, []), words_share=query.words_share)
        if query.feedback and len(found) > 1 and (best := await self._retrieve(fused[:1])):
            again: dict[str, _Form] = {DENSE: moved_towards(best[fused[0].id].vector, query).tolist()}
            found |= await self._rank(again, depth, wanted)
            fused = fuse(found[DENSE], found[SPARSE], words_share=query.words_share)
        points = await self._retrieve(fused[: max(limit, SMOOTHED)])
        # One that was removed between the two is not there any more.
        fused = [it for it in fused if it.id in points]
        if query.smoothing and len(found) > 1:
            fused = smooth(fused, points, share=query.smoothing)
        return newest_versions(to_scored_chunk(it, points[it.id], query) for it in fused[:limit])

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        async for record in self._scroll(scope, where, with_vectors=False):
            yield to_chunk(record.payload or {})

    async def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:
        async for record in self._scroll(scope, where, with_vectors=[DENSE]):
            yield _to_point(record)

    async def survey(self, *, since: float) -> Survey:
        live = models.FieldCondition(key="state", match=models.MatchValue(value="live"))
        first = models.FieldCondition(key="ordinal", match=models.MatchValue(value=0))
        recent = models.FieldCondition(key="ingested_at", range=models.Range(gte=since))
        with translated_errors():
            tenants = await self._client.facet(
                self._collection, "tenant", limit=_MOST_TENANTS, exact=True, facet_filter=models.Filter(must=[live])
            )
            documents, chunks, recent_chunks = [
                (await self._client.count(self._collection, models.Filter(must=must), exact=True)).count
                for must in ([live, first], [live], [live, recent])
            ]
            last, _ = await self._client.scroll(
                self._collection,
                scroll_filter=models.Filter(must=[live]),
                limit=1,
                order_by=models.OrderBy(key="ingested_at", direction=models.Direction.DESC),
            )
        return Survey(
            tenants=tuple(sorted(str(hit.value) for hit in tenants.hits)),
            documents=documents,
            chunks=chunks,
            recent_chunks=recent_chunks,
            newest=(last[0].payload or {})["ingested_at"] if last else None,
        )

    async def stage(self, scope: Scope, points: Sequence[Point]) -> None:
        self._require_current()
        structs = [self._to_struct(scope, point) for point in points]
        for start in range(0, len(structs), _UPSERT_BATCH):
            with translated_errors():
                await self._client.upsert(
                    self._collection,
                    structs[start : start + _UPSERT_BATCH],
                    wait=True,
                    update_mode=models.UpdateMode.INSERT_ONLY,
                )

    async def commit(self, scope: Scope, document_id: DocumentId, version: str, *, order: int | None = None) -> None:
        self._require_current()
        owner, later = _to_owner(scope, document_id), _to_later(order)
        own = models.FieldCondition(key="version", match=models.MatchValue(value=version))
        ours = models.Filter(must=[*owner, own], must_not=[*later])
        show = models.SetPayload(payload={"state": "live", "order": order or 0}, filter=ours)
        # What is staged stays: another process may be at work on it, and must find it whole when it commits.
        live = models.FieldCondition(key="state", match=models.MatchValue(value="live"))
        remove = models.FilterSelector(filter=models.Filter(must=[*owner, live], must_not=[own, *later]))
        # In this order in one request: between the two a search may meet both, and keeps the newer; never neither.
        with translated_errors():
            await self._client.batch_update_points(
                self._collection,
                [models.SetPayloadOperation(set_payload=show), models.DeleteOperation(delete=remove)],
                wait=True,
            )
        if later and await self._has_live([*owner, *later]):
            with translated_errors():
                await self._client.delete(self._collection, models.FilterSelector(filter=ours), wait=True)

    async def delete(self, scope: Scope, document_id: DocumentId, *, order: int | None = None) -> None:
        self._require_current()
        wanted = models.Filter(must=[*_to_owner(scope, document_id)], must_not=[*_to_later(order)])
        with translated_errors():
            await self._client.delete(self._collection, models.FilterSelector(filter=wanted), wait=True)

    async def publish(self) -> None:
        """Every write waited for the server's confirmation already."""

    async def sweep(self) -> None:
        """Removes what killed writers staged and never committed: of long ago only, for others are at work."""
        staged = models.FieldCondition(key="state", match=models.MatchValue(value="staged"))
        old = models.FieldCondition(key=_STAGED_AT, range=models.Range(lt=time.time() - _STAGED_SECONDS))
        with translated_errors():
            await self._client.delete(
                self._collection, models.FilterSelector(filter=models.Filter(must=[staged, old])), wait=True
            )

    async def follow(self, collections: Collections, embedder: EmbedderIdentity) -> None:
        """Moves with the alias for ever; to a collection of another embedder only its own users may go."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            try:
                current = await collections.open(embedder)
                if current == self._collection:
                    continue
                require_same_embedder(await collections.embedder_of(current), embedder)
                self._collection, self._refusal = current, None
                log.info("collection_opened", collection=current)
            except IndexMismatch as error:
                if self._refusal is None:
                    log.error("collection_refused", reason=str(error))
                self._refusal = error
            except GroundworkError as error:
                log.warning("collection_unknown", reason=str(error))

    def _require_current(self) -> None:
        """What is written to a collection that readers have left would be lost."""
        if self._refusal:
            raise self._refusal

    async def _has_live(self, conditions: Sequence[models.FieldCondition]) -> bool:
        live = models.FieldCondition(key="state", match=models.MatchValue(value="live"))
        with translated_errors():
            found = await self._client.count(self._collection, models.Filter(must=[*conditions, live]), exact=True)
        return found.count > 0

    async def _scroll(self, scope: Scope, where: ChunkFilter, *, with_vectors: Any) -> AsyncIterator[models.Record]:
        offset: models.ExtendedPointId | None = None
        while True:
            with translated_errors():
                page, offset = await self._client.scroll(
                    self._collection,
                    scroll_filter=_to_filter(scope, where),
                    offset=offset,
                    limit=_SCROLL_PAGE,
                    with_payload=True,
                    with_vectors=with_vectors,
                )
            for record in page:
                yield record
            if offset is None:
                return

    def _to_form(self, query: Query, name: str) -> _Form:
        if name == DENSE:
            dense: list[float] = query.vector.tolist()
            return dense
        words = self._bm25.embed_query(query.text)
        return models.SparseVector(indices=words.indices, values=words.values)

    async def _rank(self, forms: dict[str, _Form], depth: int, wanted: models.Filter) -> dict[str, list[Ranked]]:
        requests = [
            models.QueryRequest(query=form, using=name, limit=depth, filter=wanted) for name, form in forms.items()
        ]
        with translated_errors():
            answers = await self._client.query_batch_points(self._collection, requests)
        return {name: _to_ranking(answer.points) for name, answer in zip(forms, answers, strict=True)}

    async def _retrieve(self, fused: Sequence[Fused]) -> dict[str, Point]:
        if not fused:
            return {}
        with translated_errors():
            records = await self._client.retrieve(
                self._collection, [it.id for it in fused], with_payload=True, with_vectors=[DENSE]
            )
        return {str(record.id): _to_point(record) for record in records}

    def _to_struct(self, scope: Scope, point: Point) -> models.PointStruct:
        words = self._bm25.embed_document(point.chunk.passage)
        sparse = models.SparseVector(indices=words.indices, values=words.values)
        vectors: dict[str, models.Vector] = {DENSE: point.vector.tolist(), SPARSE: sparse}
        payload = to_payload(scope, point, "staged") | {_STAGED_AT: time.time()}
        return models.PointStruct(id=to_point_id(scope, point.chunk), vector=vectors, payload=payload)


@asynccontextmanager
async def open_server_store(settings: ServerStoreSettings, embedder: EmbedderIdentity) -> AsyncIterator[ServerStore]:
    """Creates the collection where it is missing; raises `IndexMismatch` when another embedder filled it."""
    async with open_client(settings) as client:
        collections = Collections(client, settings.collection)
        collection = await collections.open(embedder)
        require_same_embedder(await collections.embedder_of(collection), embedder)
        store = ServerStore(client, collection)
        follower = asyncio.create_task(store.follow(collections, embedder))
        try:
            yield store
        finally:
            follower.cancel()
            with suppress(asyncio.CancelledError):
                await follower


@asynccontextmanager
async def open_server_writer(settings: ServerStoreSettings, embedder: EmbedderIdentity) -> AsyncIterator[ServerStore]:
    """The same for who writes: what was staged long ago is swept away."""
    async with open_server_store(settings, embedder) as store:
        await store.sweep()
        yield store


@asynccontextmanager
async def open_server_catalogue(settings: ServerStoreSettings) -> AsyncIterator[ServerStore | None]:
    """None where the collection is missing."""
    async with open_client(settings) as client:
        collection = await Collections(client, settings.collection).current()
        yield ServerStore(client, collection) if collection else None


@asynccontextmanager
async def open_client(settings: ServerStoreSettings) -> AsyncIterator[AsyncQdrantClient]:
    key = settings.api_key
    client = AsyncQdrantClient(
        url=str(settings.url),
        grpc_port=settings.grpc_port,
        prefer_grpc=True,
        api_key=key.get_secret_value() if key else None,
        timeout=settings.timeout,
        # Its warning goes to the screen; a server that cannot be reached is said in the error.
        check_compatibility=False,
    )
    try:
        yield client
    finally:
        await client.close()


def _to_ranking(points: Sequence[models.ScoredPoint]) -> list[Ranked]:
    return [Ranked(id=str(point.id), score=point.score) for point in points]


def _to_point(record: models.Record) -> Point:
    if record.payload is None:
        raise BadResponse("Qdrant answered with a point that has no payload.")
    return Point(chunk=to_chunk(record.payload), vector=np.asarray(_dense_of(record.vector), dtype=np.float32))


def _dense_of(vectors: Any) -> Any:
    if not isinstance(vectors, dict) or vectors.get(DENSE) is None:
        raise BadResponse("Qdrant answered with a point that has no dense vector.")
    return vectors[DENSE]


def _to_filter(scope: Scope, where: ChunkFilter) -> models.Filter:
    return models.Filter(must=[_to_condition(condition) for condition in to_conditions(scope, where)])


def _to_condition(condition: Condition) -> models.Condition:
    match condition:
        case AnyOf(field=field, values=values):
            return models.FieldCondition(key=field, match=models.MatchAny(any=values))
        case StartsWith(field=field, prefixes=prefixes):
            starts = [models.FieldCondition(key=field, match=models.MatchPrefix(prefix=it)) for it in prefixes]
            return models.Filter(should=[*starts])
        case Within(field=field, since=since, before=before):
            return models.FieldCondition(key=field, range=models.Range(gte=since, lt=before))


def _to_owner(scope: Scope, document_id: DocumentId) -> list[models.FieldCondition]:
    return [
        models.FieldCondition(key="tenant", match=models.MatchValue(value=scope.tenant)),
        models.FieldCondition(key="document_id", match=models.MatchValue(value=document_id)),
    ]


def _to_later(order: int | None) -> list[models.FieldCondition]:
    return [] if order is None else [models.FieldCondition(key="order", range=models.Range(gt=order))]
