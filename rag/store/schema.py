"""The schema of points in Qdrant, for both adapters: vectors, payload fields and indexes."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from rag import types
from rag.errors import IndexMismatch
from rag.store.base import Survey
from rag.store.fusion import Fused
from rag.types import (
    Chunk,
    ChunkFilter,
    DocumentId,
    EmbedderIdentity,
    Point,
    Query,
    Scope,
    ScoredChunk,
    StoredDocument,
    Vector,
)

DENSE = "dense"
SPARSE = "bm25"
_CANDIDATES_PER_RESULT = 2
_MIN_CANDIDATES = 200

SCROLL_PAGE = 256
UPSERT_BATCH = 128
TENANTS_PAGE = 10_000
"""Tenants that the first request for a list of tenants asks for."""

SCHEMA = 4
"""Increment it with every change of what a collection stores, and add the step from the previous number to `STEPS` in
`rag.store.earlier`.
"""

KEYWORD_FIELDS = ("tenant", "document_id", "media_type", "version", "state", "labels", "language")
PREFIX_FIELDS = ("uri",)
"""Keyword fields that are also matched by prefix."""
INTEGER_FIELDS = ("ordinal", "order")
FLOAT_FIELDS = ("ingested_at",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The metadata of a collection: the schema of its points, and the embedder of its vectors."""

    schema: int
    embedder: EmbedderIdentity


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field equals or contains one of the values."""

    field: str
    values: list[str] | list[int]


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The field starts with one of the prefixes."""

    field: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """The field is a number from `since`, inclusive, to `before`, exclusive."""

    field: str
    since: float | None
    before: float | None


Condition = AnyOf | StartsWith | Within

# Its collections had no number yet.
_FIRST_SCHEMA = 1
_CHUNK_FIELDS = tuple(Chunk.__dataclass_fields__)
DOCUMENT_FIELDS = tuple(StoredDocument.__dataclass_fields__)
"""The payload fields that a list of documents needs."""


def candidates_for(limit: int) -> int:
    """Return the depth of each ranking before fusion."""
    return max(_MIN_CANDIDATES, limit * _CANDIDATES_PER_RESULT)


def rankings_of(query: Query) -> tuple[str, ...]:
    """Return the vectors to search, without those of weight 0."""
    weights = {DENSE: 1 - query.words_share, SPARSE: query.words_share}
    return tuple(name for name, weight in weights.items() if weight > 0)


def move_towards(best: Vector, query: Query) -> Vector:
    """Return the query vector moved towards the top hit (Rocchio feedback), with norm 1."""
    moved: Vector = query.vector + np.float32(query.feedback) * best
    moved /= np.linalg.norm(moved)
    return moved


def to_scored_chunk(fused: Fused, point: Point, query: Query) -> ScoredChunk:
    similarity = float(np.dot(query.vector, point.vector))
    return ScoredChunk(chunk=point.chunk, score=fused.score, similarity=similarity, bm25=fused.bm25)


def to_point_id(scope: Scope, chunk: Chunk) -> str:
    """Return an id that differs between tenants and versions, which may hold the same chunk."""
    return str(uuid5(UUID(chunk.id), f"{scope.tenant}\n{chunk.version}"))


def to_payload(scope: Scope, point: Point) -> dict[str, Any]:
    """Return the payload of a staged point. Metadata is also stored as labels `key=value`, with one index."""
    chunk = point.chunk
    labels = [_label(key, value) for key, value in chunk.metadata.items()]
    own = {"tenant": scope.tenant, "state": "staged", "order": point.order, "labels": labels}
    return types.to_fields(chunk) | own


def to_chunk(payload: dict[str, Any]) -> Chunk:
    return types.to_chunk({name: payload[name] for name in _CHUNK_FIELDS})


def to_stored_document(payload: dict[str, Any]) -> StoredDocument:
    fields = {name: payload[name] for name in DOCUMENT_FIELDS}
    return StoredDocument(**(fields | {"warnings": types.to_warnings(payload["warnings"])}))


def first_chunks(where: ChunkFilter) -> ChunkFilter:
    """Return the filter for one chunk of each document."""
    return replace(where, ordinals=(0,))


def to_conditions(scope: Scope, where: ChunkFilter) -> list[Condition]:
    """Return conditions that all must hold. They always include the tenant and exclude staged points."""
    alternatives: dict[str, list[str] | list[int]] = {
        "document_id": list[str](where.document_ids),
        "uri": list(where.uris),
        "media_type": list[str](where.media_types),
        "ordinal": list(where.ordinals),
    }
    conditions: list[Condition] = [AnyOf("tenant", [scope.tenant]), AnyOf("state", ["live"])]
    conditions += [AnyOf(field, values) for field, values in alternatives.items() if values]
    conditions += [
        AnyOf("labels", [_label(key, it) for it in values]) for key, values in where.metadata.items() if values
    ]
    if where.uri_prefixes:
        conditions.append(StartsWith("uri", where.uri_prefixes))
    if where.ingested_since is not None or where.ingested_before is not None:
        conditions.append(Within("ingested_at", where.ingested_since, where.ingested_before))
    return conditions


def _label(key: str, value: str) -> str:
    return f"{key}={value}"


def to_metadata(embedder: EmbedderIdentity) -> dict[str, Any]:
    """Return the metadata that a collection stores about itself."""
    return {"schema": SCHEMA, "embedder": asdict(embedder)}


def to_origin(metadata: dict[str, Any]) -> Origin:
    """Return the origin of a collection of any schema so far; raises `IndexMismatch` for another program's or a newer
    one.
    """
    schema = metadata.get("schema", _FIRST_SCHEMA)
    if "embedder" not in metadata or not isinstance(schema, int) or schema < _FIRST_SCHEMA:
        raise IndexMismatch(
            "The collection was written by another program. Choose another RAG_DATA_DIR or RAG_STORE__COLLECTION."
        )
    if schema > SCHEMA:
        raise IndexMismatch(
            f"This program is older than its data: the collection has schema {schema}, and this version reads schemas "
            f"up to {SCHEMA}. Start the newer version again."
        )
    return Origin(schema=schema, embedder=EmbedderIdentity(**metadata["embedder"]))


def to_identity(metadata: dict[str, Any]) -> EmbedderIdentity:
    """Return the embedder of a collection; raises `IndexMismatch` for another schema than this version's."""
    origin = to_origin(metadata)
    if origin.schema != SCHEMA:
        raise IndexMismatch(
            f"The collection has schema {origin.schema} of an earlier version, and this version needs {SCHEMA}. "
            "Run `python -m ingest upgrade`, which keeps every document."
        )
    return origin.embedder


def to_survey(tenants: Iterable[Any], counts: Iterable[int], newest: Sequence[Any]) -> Survey:
    """Return a survey from facet hits, the counts of documents, chunks and recent chunks, and the newest record."""
    documents, chunks, recent_chunks = counts
    return Survey(
        tenants=tuple(sorted(str(hit.value) for hit in tenants)),
        documents=documents,
        chunks=chunks,
        recent_chunks=recent_chunks,
        newest=(newest[0].payload or {})["ingested_at"] if newest else None,
    )


def newest_versions(hits: Iterable[ScoredChunk]) -> list[ScoredChunk]:
    """Drop hits of older versions. A search during a commit may find two versions of a document."""
    all_hits = list(hits)
    newest: dict[DocumentId, Chunk] = {}
    for hit in all_hits:
        known = newest.setdefault(hit.chunk.document_id, hit.chunk)
        if hit.chunk.ingested_at > known.ingested_at:
            newest[hit.chunk.document_id] = hit.chunk
    return [hit for hit in all_hits if hit.chunk.version == newest[hit.chunk.document_id].version]


def require_same_embedder(stored: EmbedderIdentity, configured: EmbedderIdentity) -> None:
    """Raise `IndexMismatch` if the embedders differ, because their vectors cannot be compared."""
    if stored != configured:
        raise IndexMismatch(
            f"The collection was filled by {_describe(stored)}, but {_describe(configured)} is configured. "
            "Configure the first embedder again, or re-embed the collection: `python -m ingest reindex`."
        )


def _describe(identity: EmbedderIdentity) -> str:
    digest = f", weights {identity.digest[:12]}…" if identity.digest else ""
    return f"{identity.model} ({identity.dimension} dimensions{digest})"
