"""Reads a collection on a Qdrant server, over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import structlog
from qdrant_client import AsyncQdrantClient, models

from rag.errors import BadResponse, GroundworkError, IndexMismatch
from rag.store.base import Survey
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
    move_towards,
    newest_versions,
    rankings_of,
    require_same_embedder,
    to_chunk,
    to_conditions,
    to_scored_chunk,
)
from rag.store.server.collections import Collections, translated_errors
from rag.types import EVERYTHING, Chunk, ChunkFilter, EmbedderIdentity, Point, Query, Scope, ScoredChunk

log = structlog.get_logger()

_SCROLL_PAGE = 256
_MAX_TENANTS = 10_000
_WATCH_SECONDS = 2.0

_QueryVector = list[float] | models.SparseVector


class ServerReader:
    """Reads the collection that the alias points to."""

    def __init__(self, client: AsyncQdrantClient, collection: str) -> None:
        self._client = client
        self._collection = collection
        self._refusal: IndexMismatch | None = None
        self._bm25 = build_bm25()

    @property
    def revision(self) -> str:
        return self._collection

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        """Return the best chunks in two round trips: rank ids by both vectors and fuse, then read the best points."""
        depth, wanted = candidates_for(limit), _to_filter(scope, where)
        rankings = await self._rank({name: self._to_form(query, name) for name in rankings_of(query)}, depth, wanted)
        fused = fuse(rankings.get(DENSE, []), rankings.get(SPARSE, []), words_share=query.words_share)
        if query.feedback and len(rankings) > 1 and (best := await self._retrieve(fused[:1])):
            again: dict[str, _QueryVector] = {DENSE: move_towards(best[fused[0].id].vector, query).tolist()}
            rankings |= await self._rank(again, depth, wanted)
            fused = fuse(rankings[DENSE], rankings[SPARSE], words_share=query.words_share)
        points = await self._retrieve(fused[: max(limit, SMOOTHED)])
        # A point may have been deleted between the two calls.
        fused = [it for it in fused if it.id in points]
        if query.smoothing and len(rankings) > 1:
            vectors = {key: point.vector for key, point in points.items()}
            fused = smooth(fused, vectors, share=query.smoothing)
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
                self._collection, "tenant", limit=_MAX_TENANTS, exact=True, facet_filter=models.Filter(must=[live])
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

    async def follow(self, collections: Collections, embedder: EmbedderIdentity) -> None:
        """Follow the alias for ever. A collection of another embedder is refused, and the old one stays in use."""
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

    def _to_form(self, query: Query, name: str) -> _QueryVector:
        if name == DENSE:
            dense: list[float] = query.vector.tolist()
            return dense
        words = self._bm25.embed_query(query.text)
        return models.SparseVector(indices=words.indices, values=words.values)

    async def _rank(self, forms: dict[str, _QueryVector], depth: int, wanted: models.Filter) -> dict[str, list[Ranked]]:
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


def _to_ranking(points: Sequence[models.ScoredPoint]) -> list[Ranked]:
    return [Ranked(id=str(point.id), score=point.score) for point in points]


def _to_point(record: models.Record) -> Point:
    if record.payload is None:
        raise BadResponse("Qdrant sent a point without a payload.")
    return Point(chunk=to_chunk(record.payload), vector=np.asarray(_dense_of(record.vector), dtype=np.float32))


def _dense_of(vectors: Any) -> Any:
    if not isinstance(vectors, dict) or vectors.get(DENSE) is None:
        raise BadResponse("Qdrant sent a point without a dense vector.")
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
