"""One shard of Qdrant's engine.

Its calls are short (0.7 ms per search at 5,000 points) and hold the GIL, so a thread would gain nothing.
They run on the event loop, except `optimize`, which takes seconds and runs in its own process.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import qdrant_edge as edge

from rag.denials import describe_denial, find_denied
from rag.errors import Unavailable
from rag.store import newest, schema
from rag.store.base import Survey
from rag.store.bm25 import encode_question
from rag.store.edge.conversion import (
    LIVE,
    dense_of,
    to_condition,
    to_corpus,
    to_edge_point,
    to_later,
    to_must,
    to_owner,
    to_point,
)
from rag.store.edge.optimization import optimize
from rag.store.fusion import SMOOTHED, Fused, Ranking, fuse, smooth, to_ranking
from rag.store.word_weights import MAX_LANGUAGES, MAX_LARGE_TENANTS, WordStatistics, to_statistics
from rag.types import ChunkFilter, DocumentId, Point, Query, Scope, ScoredChunk, Vector

_FAILED = "The embedded store failed: see the log. Check the disk of RAG_DATA_DIR. If it is damaged, restore a backup."
# A vacuum takes seconds on a slow disk, and so many deleted points need about a megabyte.
_VACUUM_POINTS = 200


class Shard:
    """The points in one folder."""

    def __init__(self, path: Path, shard: edge.EdgeShard) -> None:
        self._path = path
        self._shard = shard
        self._statistics: WordStatistics | None = None
        # Held while another process builds the graph in this folder, because the shard is closed meanwhile.
        self._open_lock = asyncio.Lock()

    @classmethod
    def load(cls, path: Path) -> "Shard":
        try:
            with _translated_errors():
                return cls(path, edge.EdgeShard.load(str(path)))
        except Unavailable as error:
            # The engine writes into what it opens, and its error does not say that a right is missing.
            if denied := find_denied(path):
                raise Unavailable("The embedded store cannot be opened.", upstream=describe_denial(denied)) from error
            raise

    @classmethod
    def load_to_write(cls, path: Path, dimension: int) -> "Shard":
        """Load a shard with today's configuration, which may differ from the one with which it was created."""
        with _translated_errors():
            return cls(path, edge.EdgeShard.load(str(path), _to_config(dimension)))

    @classmethod
    def create(cls, path: Path, dimension: int) -> "Shard":
        path.mkdir(parents=True)
        with _translated_errors():
            shard = edge.EdgeShard.create(str(path), _to_config(dimension))
            for fields, kind in (
                (schema.KEYWORD_FIELDS, edge.PayloadSchemaType.Keyword),
                (schema.PREFIX_FIELDS, edge.KeywordIndexParams(prefix=True)),
                (schema.INTEGER_FIELDS, edge.PayloadSchemaType.Integer),
                (schema.FLOAT_FIELDS, edge.PayloadSchemaType.Float),
            ):
                for field in fields:
                    shard.update(edge.UpdateOperation.create_field_index(field, kind))
        return cls(path, shard)

    def search(self, scope: Scope, query: Query, limit: int, where: ChunkFilter) -> list[ScoredChunk]:
        """Return the best chunks: rank ids by both vectors, fuse the rankings, then read the best points."""
        depth, condition_filter = schema.candidates_for(limit), edge.Filter(must=to_must(scope, where))
        params = to_corpus(scope) if self._find_statistics().weighs_alone(scope.tenant) else None
        rank = partial(self._rank, depth=depth, condition_filter=condition_filter, params=params)
        rankings = rank({name: self._to_form(query, name) for name in schema.rankings_of(query)})
        fused = fuse(rankings.get(schema.DENSE, {}), rankings.get(schema.SPARSE, {}), words_share=query.words_share)
        if query.feedback and len(rankings) > 1 and (best := self._retrieve(fused[:1])):
            again = {schema.DENSE: schema.move_towards(best[fused[0].id].vector, query).tolist()}
            rankings |= rank(again)
            fused = fuse(rankings[schema.DENSE], rankings[schema.SPARSE], words_share=query.words_share)
        if query.smoothing and len(rankings) > 1:
            fused = smooth(fused, self._vectors(fused[:SMOOTHED]), share=query.smoothing)
        points = self._retrieve(fused[:limit])
        return [schema.to_scored_chunk(it, points[it.id], query) for it in fused[:limit] if it.id in points]

    def _to_form(self, query: Query, name: str) -> Any:
        if name == schema.DENSE:
            return query.vector.tolist()
        return encode_question(query.text, self._find_statistics().languages)

    def _find_statistics(self) -> WordStatistics:
        if self._statistics is None:
            live = edge.Filter(must=[LIVE])
            with _translated_errors():
                languages = self._shard.facet(edge.FacetRequest("language", limit=MAX_LANGUAGES, filter=live))
                tenants = self._shard.facet(edge.FacetRequest("tenant", limit=MAX_LARGE_TENANTS, filter=live))
            self._statistics = to_statistics(languages.hits, tenants.hits)
        return self._statistics

    def _rank(
        self,
        forms: dict[str, Any],
        *,
        depth: int,
        condition_filter: edge.Filter,
        params: edge.SearchParams | None,
    ) -> dict[str, Ranking]:
        requests = [
            edge.QueryRequest(
                limit=depth,
                query=edge.Query.Nearest(form, using=name),
                filter=condition_filter,
                params=params if name == schema.SPARSE else None,
            )
            for name, form in forms.items()
        ]
        with _translated_errors():
            answers = self._shard.query_batch(edge.QueryBatchRequest(requests))
        return {name: to_ranking(points) for name, points in zip(forms, answers, strict=True)}

    def _retrieve(self, fused: Sequence[Fused]) -> dict[str, Point]:
        with _translated_errors():
            records = self._shard.retrieve([it.id for it in fused], with_payload=True, with_vector=[schema.DENSE])
        return {str(record.id): to_point(record) for record in records}

    def _vectors(self, fused: Sequence[Fused]) -> dict[str, Vector]:
        with _translated_errors():
            records = self._shard.retrieve([it.id for it in fused], with_payload=False, with_vector=[schema.DENSE])
        return {str(record.id): dense_of(record) for record in records}

    def scroll(self, scope: Scope, where: ChunkFilter, *, with_vector: bool) -> AsyncIterator[edge.Record]:
        return self.scan(schema.to_conditions(scope, where), with_vector=with_vector)

    async def scan(
        self, conditions: Sequence[schema.Condition], *, with_vector: bool, fields: Sequence[str] = ()
    ) -> AsyncIterator[edge.Record]:
        """Yield every point of any tenant that meets all conditions, with these fields or all."""
        condition_filter = edge.Filter(must=[to_condition(condition) for condition in conditions])
        offset: Any = None
        while True:
            request = edge.ScrollRequest(
                offset=offset,
                limit=schema.SCROLL_PAGE,
                filter=condition_filter,
                with_payload=list(fields) or True,
                with_vector=[schema.DENSE] if with_vector else False,
            )
            async with self._open_lock:
                with _translated_errors():
                    page, offset = self._shard.scroll(request)
            for record in page:
                yield record
            if offset is None:
                return
            await asyncio.sleep(0)  # Let other tasks run between pages.

    async def documents(self, scope: Scope, where: ChunkFilter, *, newest_first: bool) -> AsyncIterator[dict[str, Any]]:
        """Yield the payloads of first chunks, without their texts."""
        first = schema.first_chunks(where)
        if newest_first:
            async for payload in newest.newest_first(partial(self._fetch_newest, to_must(scope, first))):
                yield payload
            return
        conditions = schema.to_conditions(scope, first)
        async for record in self.scan(conditions, with_vector=False, fields=schema.DOCUMENT_FIELDS):
            yield record.payload or {}

    async def _fetch_newest(self, must: list[Any], start: float | None, limit: int) -> Sequence[edge.Record]:
        request = edge.ScrollRequest(
            limit=limit,
            filter=edge.Filter(must=must),
            with_payload=[*schema.DOCUMENT_FIELDS],
            order_by=edge.OrderBy(newest.ORDER_FIELD, edge.Direction.Desc, start),
        )
        await asyncio.sleep(0)  # Let other tasks run between pages.
        async with self._open_lock:
            with _translated_errors():
                page, _ = self._shard.scroll(request)
        return page

    def survey(self, *, since: float) -> Survey:
        first: Any = edge.FieldCondition("ordinal", match=edge.MatchValue(0))
        recent: Any = edge.FieldCondition("ingested_at", range=edge.RangeFloat(gte=since))
        newest = edge.ScrollRequest(
            limit=1,
            filter=edge.Filter(must=[LIVE]),
            order_by=edge.OrderBy("ingested_at", edge.Direction.Desc),
            with_payload=True,
        )
        with _translated_errors():
            tenants = self._find_tenants()
            counts = [
                self._shard.count(edge.CountRequest(filter=edge.Filter(must=must)))
                for must in ([LIVE, first], [LIVE], [LIVE, recent])
            ]
            last, _ = self._shard.scroll(newest)
        return schema.to_survey(tenants, counts, last)

    def _find_tenants(self) -> Sequence[Any]:
        limit = schema.TENANTS_PAGE
        while True:
            wanted = edge.FacetRequest("tenant", limit=limit, exact=True, filter=edge.Filter(must=[LIVE]))
            hits = self._shard.facet(wanted).hits
            if len(hits) < limit:
                return hits
            limit *= 10  # There is no way to ask for the next ones.

    def insert(self, scope: Scope, points: Sequence[Point]) -> None:
        """Write new staged points. Existing points do not change."""
        self._statistics = None
        edge_points = [to_edge_point(scope, point) for point in points]
        for start in range(0, len(edge_points), schema.UPSERT_BATCH):
            batch = edge_points[start : start + schema.UPSERT_BATCH]
            with _translated_errors():
                self._shard.update(edge.UpdateOperation.upsert_points(batch, update_mode=edge.UpdateMode.InsertOnly))

    def commit(self, scope: Scope, document_id: DocumentId, version: str, *, order: int | None) -> None:
        self._statistics = None
        owner, later = to_owner(scope, document_id), to_later(order)
        own: Any = edge.FieldCondition("version", match=edge.MatchValue(version))
        ours = edge.Filter(must=[*owner, own], must_not=later)
        others = edge.Filter(must=owner, must_not=[own, *later])
        show = edge.UpdateOperation.set_payload_by_filter(ours, {"state": "live", "order": order or 0})
        with _translated_errors():
            newer = edge.CountRequest(filter=edge.Filter(must=[*owner, *later, LIVE]))
            if later and self._shard.count(newer) > 0:
                self._shard.update(edge.UpdateOperation.delete_points_by_filter(ours))
            else:
                self._shard.update(show)
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(others))

    def delete(self, scope: Scope, document_id: DocumentId, *, order: int | None) -> None:
        condition_filter = edge.Filter(must=to_owner(scope, document_id), must_not=to_later(order))
        with _translated_errors():
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(condition_filter))

    def delete_staged(self) -> None:
        staged: Any = edge.FieldCondition("state", match=edge.MatchValue("staged"))
        with _translated_errors():
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(edge.Filter(must=[staged])))

    def needs_vacuum(self) -> bool:
        """Return True if most points in the files are deleted. They need disk until `optimize` removes them."""
        with _translated_errors():
            info = self._shard.info()
        # The first number contains deleted points.
        deleted = info.indexed_vectors_count - info.points_count
        return deleted > max(_VACUUM_POINTS, info.points_count)

    def flush(self) -> None:
        with _translated_errors():
            self._shard.flush()

    def close(self) -> None:
        with _translated_errors():
            self._shard.close()

    async def optimize(self) -> None:
        """Build the search graph and remove deleted points in another process, because both hold the GIL for long."""
        async with self._open_lock:
            self.flush()
            self.close()
            try:
                await asyncio.to_thread(optimize, self._path)
            finally:
                with _translated_errors():
                    self._shard = edge.EdgeShard.load(str(self._path))


def _to_config(dimension: int) -> edge.EdgeConfig:
    return edge.EdgeConfig(
        vectors={schema.DENSE: edge.EdgeVectorParams(dimension, edge.Distance.Cosine)},
        sparse_vectors={schema.SPARSE: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        optimizers=edge.EdgeOptimizersConfig(vacuum_min_vector_number=_VACUUM_POINTS),
        # Entries are acknowledged only after a flush and a publication, so a write-ahead log would protect nothing.
        wal_enabled=False,
    )


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # The engine raises plain `Exception`, so nothing narrower can be caught.
        raise Unavailable(_FAILED, upstream=str(error)) from error
