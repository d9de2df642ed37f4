"""A Qdrant server or cluster, over gRPC."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict

import grpc
import numpy as np
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from rag.errors import BadResponse, TimedOut, Unavailable
from rag.settings import ServerStoreSettings
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

_SCROLL_PAGE = 256
_UPSERT_BATCH = 128


class ServerStore:
    """Reads and writes one collection; what is written is visible at once, so there is nothing to publish."""

    def __init__(self, client: AsyncQdrantClient, collection: str) -> None:
        self._client = client
        self._collection = collection
        self._bm25 = build_bm25()

    async def search(
        self, scope: Scope, query: Query, *, limit: int, where: ChunkFilter = EVERYTHING
    ) -> list[ScoredChunk]:
        wanted = _to_filter(scope, where)
        candidates = candidates_for(limit)
        words = self._bm25.embed_query(query.text)
        rankings: list[tuple[list[float] | models.SparseVector, str]] = [
            (query.vector.tolist(), DENSE),
            (models.SparseVector(indices=words.indices, values=words.values), SPARSE),
        ]
        with _translated_errors():
            response = await self._client.query_points(
                self._collection,
                prefetch=[
                    models.Prefetch(query=form, using=name, limit=candidates, filter=wanted) for form, name in rankings
                ],
                query=models.RrfQuery(rrf=models.Rrf(k=RRF_K)),
                limit=limit,
                with_payload=True,
                with_vectors=[DENSE],
            )
        return [_to_scored_chunk(found, query) for found in response.points]

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        offset: models.ExtendedPointId | None = None
        while True:
            with _translated_errors():
                page, offset = await self._client.scroll(
                    self._collection,
                    scroll_filter=_to_filter(scope, where),
                    offset=offset,
                    limit=_SCROLL_PAGE,
                    with_payload=True,
                )
            for record in page:
                yield to_chunk(record.payload or {})
            if offset is None:
                return

    async def upsert(self, scope: Scope, points: Sequence[Point]) -> None:
        structs = [self._to_struct(scope, point) for point in points]
        for start in range(0, len(structs), _UPSERT_BATCH):
            with _translated_errors():
                await self._client.upsert(self._collection, structs[start : start + _UPSERT_BATCH], wait=True)

    async def delete(self, scope: Scope, document_id: DocumentId, *, keep: Collection[str] = ()) -> None:
        wanted = _to_filter(scope, ChunkFilter(document_ids=(document_id,)), without=keep)
        with _translated_errors():
            await self._client.delete(self._collection, models.FilterSelector(filter=wanted), wait=True)

    async def publish(self) -> None:
        """Every write waited for the server's confirmation already."""

    def _to_struct(self, scope: Scope, point: Point) -> models.PointStruct:
        words = self._bm25.embed_document(point.chunk.passage)
        sparse = models.SparseVector(indices=words.indices, values=words.values)
        vectors: dict[str, models.Vector] = {DENSE: point.vector.tolist(), SPARSE: sparse}
        return models.PointStruct(
            id=to_point_id(scope, point.chunk.id), vector=vectors, payload=to_payload(scope, point.chunk)
        )


@asynccontextmanager
async def open_server_store(settings: ServerStoreSettings, embedder: EmbedderIdentity) -> AsyncIterator[ServerStore]:
    """Creates the collection where it is missing; raises `IndexMismatch` when another embedder filled it."""
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
        await ensure_collection(client, settings.collection, embedder)
        yield ServerStore(client, settings.collection)
    finally:
        await client.close()


async def ensure_collection(client: AsyncQdrantClient, collection: str, embedder: EmbedderIdentity) -> None:
    """The collection remembers its embedder in its metadata."""
    with _translated_errors():
        if not await client.collection_exists(collection):
            await _create_collection(client, collection, embedder)
        metadata = (await client.get_collection(collection)).config.metadata or {}
    if "embedder" not in metadata:
        raise BadResponse(f"Collection {collection} is not one of this project's: it does not say who filled it.")
    require_same_embedder(EmbedderIdentity(**metadata["embedder"]), embedder)


async def _create_collection(client: AsyncQdrantClient, collection: str, embedder: EmbedderIdentity) -> None:
    await client.create_collection(
        collection,
        vectors_config={DENSE: models.VectorParams(size=embedder.dimension, distance=models.Distance.COSINE)},
        sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        metadata={"embedder": asdict(embedder)},
    )
    for field in KEYWORD_FIELDS:
        # Points of one tenant are stored together, because every search names one.
        schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=field == "tenant")
        await client.create_payload_index(collection, field, schema)
    for field in INTEGER_FIELDS:
        await client.create_payload_index(collection, field, models.PayloadSchemaType.INTEGER)


def _to_scored_chunk(found: models.ScoredPoint, query: Query) -> ScoredChunk:
    vector = found.vector[DENSE] if isinstance(found.vector, dict) else None
    if vector is None or found.payload is None:
        raise BadResponse("Qdrant answered with a point that has no payload or no dense vector.")
    return ScoredChunk(
        chunk=to_chunk(found.payload),
        score=found.score,
        similarity=float(np.dot(query.vector, np.asarray(vector, dtype=np.float32))),
    )


def _to_filter(scope: Scope, where: ChunkFilter, *, without: Collection[str] = ()) -> models.Filter:
    return models.Filter(
        must=[
            models.FieldCondition(key=field, match=models.MatchAny(any=values))
            for field, values in to_conditions(scope, where).items()
        ],
        must_not=[models.HasIdCondition(has_id=[to_point_id(scope, chunk_id) for chunk_id in without])]
        if without
        else None,
    )


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            raise TimedOut("Qdrant took longer than its time.") from error
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
            raise Unavailable(f"Qdrant cannot be reached: {error.details()}") from error
        raise BadResponse(f"Qdrant refused the call: {error.details()}") from error
    except UnexpectedResponse as error:
        raise BadResponse(f"Qdrant answered {error.status_code}: {error.reason_phrase}") from error
    except (ResponseHandlingException, ApiException) as error:
        raise Unavailable(f"Qdrant cannot be reached: {error}") from error
