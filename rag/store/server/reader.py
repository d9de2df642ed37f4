"""Reads a collection on a Qdrant server, over gRPC."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import structlog
from qdrant_client import AsyncQdrantClient, models

from rag.errors import BadResponse, GroundworkError, IndexMismatch
from rag.store import newest, schema
from rag.store.base import Survey
from rag.store.bm25 import encode_question
from rag.store.earlier import Payload
from rag.store.fusion import SMOOTHED, Fused, fuse, smooth, to_ranking
from rag.store.server.answers import translated_errors
from rag.store.server.collections import Collections
from rag.store.server.conversion import all_of, to_corpus, to_filter
from rag.store.word_weights import MAX_LANGUAGES, MAX_LARGE_TENANTS, WordStatistics, to_statistics
from rag.types import (
    EVERYTHING,
    Chunk,
    ChunkFilter,
    EmbedderIdentity,
    Point,
    Query,
    Scope,
    ScoredChunk,
    StoredDocument,
    Vector,
)

log = structlog.get_logger()

_WATCH_SECONDS = 2.0
# The second look can miss a document only if another commit meets it within one call. The third makes sure (ADR 60).
_LOOKS = 3
# A question finds words of a language that is new in the collection after this time at the latest.
_STATISTICS_SECONDS = 60.0

LIVE = models.FieldCondition(key="state", match=models.MatchValue(value="live"))

_QueryVector = list[float] | models.SparseVector


class ServerReader:
    """Reads the collection that the alias points to."""

    def __init__(self, client: AsyncQdrantClient, collection: str) -> None:
        self._client = client
        self.revision = collection
        self._refusal: IndexMismatch | None = None
        self._statistics = WordStatistics()
        self._statistics_until = 0.0

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        """Return the best chunks: rank ids by both vectors and fuse, then read the best points.

        A commit may replace points between ranking and reading. Then, and if nothing was found, it looks again.
        """
        hits: list[ScoredChunk] = []
        for look in range(_LOOKS):
            hits, is_whole = await self._look(scope, query, limit, where, reads_at_once=look > 0)
            if is_whole and hits:
                break
        return hits

    async def _look(
        self, scope: Scope, query: Query, limit: int, where: ChunkFilter, *, reads_at_once: bool
    ) -> tuple[list[ScoredChunk], bool]:
        """Return the best chunks, and whether every point that was ranked among the best could be read.

        With `reads_at_once`, the rankings bring all points along. That costs ten times as much and cannot miss one.
        """
        depth, wanted = schema.candidates_for(limit), to_filter(scope, where)
        is_alone = (await self._find_statistics()).weighs_alone(scope.tenant)
        params = to_corpus(scope) if is_alone else None
        rank = partial(self._rank, depth=depth, wanted=wanted, params=params, with_points=reads_at_once)
        ranked = await rank({name: await self._to_form(query, name) for name in schema.rankings_of(query)})
        fused = _fuse(ranked, query)
        if query.feedback and len(ranked) > 1 and fused:
            best = (await self._read(fused[:1], ranked, reads_at_once)).get(fused[0].id)
            if best is None:
                return [], False
            ranked |= await rank({schema.DENSE: schema.move_towards(best.vector, query).tolist()})
            fused = _fuse(ranked, query)
        best_ones = fused[: max(limit, SMOOTHED)]
        points = await self._read(best_ones, ranked, reads_at_once)
        is_whole = len(points) == len(best_ones)
        fused = [it for it in best_ones if it.id in points]
        if query.smoothing and len(ranked) > 1:
            vectors = {key: point.vector for key, point in points.items()}
            fused = smooth(fused, vectors, share=query.smoothing)
        scored = [schema.to_scored_chunk(it, points[it.id], query) for it in fused[:limit]]
        return schema.newest_versions(scored), is_whole

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        async for record in self._scroll(schema.to_conditions(scope, where), with_vectors=False):
            yield schema.to_chunk(record.payload or {})

    async def documents(
        self, scope: Scope, where: ChunkFilter = EVERYTHING, *, newest_first: bool = False
    ) -> AsyncIterator[StoredDocument]:
        first = schema.first_chunks(where)
        if newest_first:
            async for payload in newest.newest_first(partial(self._fetch_newest, to_filter(scope, first))):
                yield schema.to_stored_document(payload)
            return
        conditions = schema.to_conditions(scope, first)
        async for record in self._scroll(conditions, with_vectors=False, fields=schema.DOCUMENT_FIELDS):
            yield schema.to_stored_document(record.payload or {})

    async def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:
        async for record in self._scroll(schema.to_conditions(scope, where), with_vectors=[schema.DENSE]):
            yield _to_point(record)

    async def scan(
        self, conditions: Sequence[schema.Condition], with_vector: bool
    ) -> AsyncIterator[tuple[Payload, Vector | None]]:
        """Yield every point that meets all conditions, in the form in which it is stored."""
        async for record in self._scroll(conditions, with_vectors=[schema.DENSE] if with_vector else False):
            yield record.payload or {}, _dense_of(record) if with_vector else None

    async def count_by_shard(self) -> dict[int, int]:
        """Return the points of each shard of which the asked node has a copy, staged ones included."""
        with translated_errors():
            cluster = await self._client.collection_cluster_info(self.revision)
        return {it.shard_id: it.points_count for it in cluster.local_shards}

    async def scan_fields(
        self, conditions: Sequence[schema.Condition], fields: Sequence[str]
    ) -> AsyncIterator[Payload]:
        """Yield these fields of every point that meets all conditions."""
        async for record in self._scroll(conditions, with_vectors=False, fields=fields):
            yield record.payload or {}

    async def survey(self, *, since: float) -> Survey:
        first = models.FieldCondition(key="ordinal", match=models.MatchValue(value=0))
        recent = models.FieldCondition(key="ingested_at", range=models.Range(gte=since))
        with translated_errors():
            tenants = await self._find_tenants()
            counts = [
                (await self._client.count(self.revision, models.Filter(must=must))).count
                for must in ([LIVE, first], [LIVE], [LIVE, recent])
            ]
            last, _ = await self._client.scroll(
                self.revision,
                scroll_filter=models.Filter(must=[LIVE]),
                limit=1,
                order_by=models.OrderBy(key="ingested_at", direction=models.Direction.DESC),
            )
        return schema.to_survey(tenants, counts, last)

    async def _find_tenants(self) -> Sequence[models.FacetValueHit]:
        limit = schema.TENANTS_PAGE
        while True:
            found = await self._client.facet(
                self.revision, "tenant", limit=limit, exact=True, facet_filter=models.Filter(must=[LIVE])
            )
            if len(found.hits) < limit:
                return found.hits
            limit *= 10  # There is no way to ask for the next ones.

    async def follow(self, collections: Collections, embedder: EmbedderIdentity) -> None:
        """Follow the alias for ever. A collection of another embedder is refused, and the old one stays in use."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            try:
                current = await collections.require_current()
                if current == self.revision:
                    continue
                schema.require_same_embedder(await collections.embedder_of(current), embedder)
                self.revision, self._refusal = current, None
                log.info("collection_opened", collection=current)
            except IndexMismatch as error:
                if self._refusal is None:
                    log.error("collection_refused", reason=error.describe())
                self._refusal = error
            except GroundworkError as error:
                log.warning("collection_unknown", reason=error.describe())

    async def _fetch_newest(self, wanted: models.Filter, start: float | None, limit: int) -> Sequence[models.Record]:
        order = models.OrderBy(key=newest.ORDER_FIELD, direction=models.Direction.DESC, start_from=start)
        with translated_errors():
            page, _ = await self._client.scroll(
                self.revision,
                scroll_filter=wanted,
                limit=limit,
                with_payload=[*schema.DOCUMENT_FIELDS],
                order_by=order,
            )
        return page

    async def _scroll(
        self, conditions: Sequence[schema.Condition], *, with_vectors: Any, fields: Sequence[str] = ()
    ) -> AsyncIterator[models.Record]:
        wanted = all_of(conditions)
        offset: models.ExtendedPointId | None = None
        while True:
            with translated_errors():
                page, offset = await self._client.scroll(
                    self.revision,
                    scroll_filter=wanted,
                    offset=offset,
                    limit=schema.SCROLL_PAGE,
                    with_payload=list(fields) or True,
                    with_vectors=with_vectors,
                )
            for record in page:
                yield record
            if offset is None:
                return

    async def _to_form(self, query: Query, name: str) -> _QueryVector:
        if name == schema.DENSE:
            dense: list[float] = query.vector.tolist()
            return dense
        words = encode_question(query.text, (await self._find_statistics()).languages)
        return models.SparseVector(indices=words.indices, values=words.values)

    async def _find_statistics(self) -> WordStatistics:
        if time.monotonic() > self._statistics_until:
            live = models.Filter(must=[LIVE])
            with translated_errors():
                languages = await self._client.facet(self.revision, "language", limit=MAX_LANGUAGES, facet_filter=live)
                tenants = await self._client.facet(self.revision, "tenant", limit=MAX_LARGE_TENANTS, facet_filter=live)
            self._statistics = to_statistics(languages.hits, tenants.hits)
            self._statistics_until = time.monotonic() + (_STATISTICS_SECONDS if languages.hits else 0)
        return self._statistics

    async def _rank(
        self,
        forms: dict[str, _QueryVector],
        *,
        depth: int,
        wanted: models.Filter,
        params: models.SearchParams | None,
        with_points: bool,
    ) -> dict[str, list[models.ScoredPoint]]:
        requests = [
            models.QueryRequest(
                query=form,
                using=name,
                params=params if name == schema.SPARSE else None,
                limit=depth,
                filter=wanted,
                with_payload=with_points,
                with_vector=[schema.DENSE] if with_points else False,
            )
            for name, form in forms.items()
        ]
        with translated_errors():
            answers = await self._client.query_batch_points(self.revision, requests)
        return {name: answer.points for name, answer in zip(forms, answers, strict=True)}

    async def _read(
        self, fused: Sequence[Fused], ranked: dict[str, list[models.ScoredPoint]], are_in_ranking: bool
    ) -> dict[str, Point]:
        """Return the points by id, out of the rankings or from the server. Deleted ones are missing."""
        ids = {it.id for it in fused}
        if are_in_ranking:
            return {str(it.id): _to_point(it) for ranking in ranked.values() for it in ranking if str(it.id) in ids}
        if not ids:
            return {}
        with translated_errors():
            records = await self._client.retrieve(
                self.revision, [it.id for it in fused], with_payload=True, with_vectors=[schema.DENSE]
            )
        return {str(record.id): _to_point(record) for record in records}


def _fuse(ranked: dict[str, list[models.ScoredPoint]], query: Query) -> list[Fused]:
    dense, words = (to_ranking(ranked.get(name, ())) for name in (schema.DENSE, schema.SPARSE))
    return fuse(dense, words, words_share=query.words_share)


def _to_point(record: models.Record | models.ScoredPoint) -> Point:
    if record.payload is None:
        raise BadResponse("Qdrant sent a point without a payload.")
    order = record.payload.get("order", 0)
    return Point(chunk=schema.to_chunk(record.payload), vector=_dense_of(record), order=order)


def _dense_of(record: models.Record | models.ScoredPoint) -> Vector:
    if not isinstance(record.vector, dict) or record.vector.get(schema.DENSE) is None:
        raise BadResponse("Qdrant sent a point without a dense vector.")
    return np.asarray(record.vector[schema.DENSE], np.float32)
