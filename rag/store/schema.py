"""How a chunk lies in Qdrant: names of vectors, payload fields and their indexes, the same in both adapters."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal
from uuid import UUID, uuid5

import numpy as np
import qdrant_edge

from rag.errors import IndexMismatch
from rag.store.fusion import Fused
from rag.types import Chunk, ChunkFilter, DocumentId, EmbedderIdentity, Point, Query, Scope, ScoredChunk, Vector

DENSE = "dense"
SPARSE = "bm25"
CANDIDATES_PER_RESULT = 2
MIN_CANDIDATES = 200

SCHEMA = 3
"""Raised with every change that makes points of before unreadable."""

KEYWORD_FIELDS = ("tenant", "document_id", "media_type", "version", "state", "labels")
PREFIX_FIELDS = ("uri",)
"""Keywords that are also searched for by their beginning."""
INTEGER_FIELDS = ("ordinal", "order")
FLOAT_FIELDS = ("ingested_at",)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """The field is, or holds, one of these."""

    field: str
    values: list[str] | list[int]

    @property
    def restricts(self) -> bool:
        return bool(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartsWith:
    """The field begins with one of these."""

    field: str
    prefixes: tuple[str, ...]

    @property
    def restricts(self) -> bool:
        return bool(self.prefixes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """The field is a number from `since` on, and below `before`."""

    field: str
    since: float | None
    before: float | None

    @property
    def restricts(self) -> bool:
        return self.since is not None or self.before is not None


Condition = AnyOf | StartsWith | Within

State = Literal["staged", "live"]
"""No search sees what is staged."""

_CHUNK_FIELDS = tuple(Chunk.__dataclass_fields__)
# Chunks are up to 254 wordpieces; half of them are left when stop words and word parts are gone.
_AVERAGE_WORDS = 128


def build_bm25() -> qdrant_edge.Bm25:
    """Computes both sides of BM25: term frequencies here, inverse document frequencies inside Qdrant."""
    return qdrant_edge.Bm25(qdrant_edge.Bm25Config(avg_len=_AVERAGE_WORDS))


def candidates_for(limit: int) -> int:
    """How many candidates each ranking hands to the fusion."""
    return max(MIN_CANDIDATES, limit * CANDIDATES_PER_RESULT)


def rankings_of(query: Query) -> tuple[str, ...]:
    """The vectors that count for it: a share of nothing is not searched for."""
    return tuple(name for name, counts in ((DENSE, query.words_share < 1), (SPARSE, query.words_share > 0)) if counts)


def moved_towards(best: Vector, query: Query) -> Vector:
    """The query's vector, nearer to what was found best; norm 1."""
    moved: Vector = query.vector + np.float32(query.feedback) * best
    moved /= np.linalg.norm(moved)
    return moved


def to_scored_chunk(fused: Fused, point: Point, query: Query) -> ScoredChunk:
    similarity = float(np.dot(query.vector, point.vector))
    return ScoredChunk(chunk=point.chunk, score=fused.score, similarity=similarity, bm25=fused.bm25)


def to_point_id(scope: Scope, chunk: Chunk) -> str:
    """Two tenants may hold the same chunk, and two versions of a document: none may overwrite the other's point."""
    return str(uuid5(UUID(chunk.id), f"{scope.tenant}\n{chunk.version}"))


def to_payload(scope: Scope, point: Point, state: State) -> dict[str, Any]:
    """The chunk, whose it is, and its metadata once more as labels: one index serves every key."""
    chunk = point.chunk
    own = {"tenant": scope.tenant, "state": state, "order": point.order}
    labels = [_label(key, value) for key, value in chunk.metadata.items()]
    return (
        asdict(chunk)
        | own
        | {
            "heading_path": list(chunk.heading_path),
            "metadata": dict(chunk.metadata),
            "labels": labels,
        }
    )


def to_chunk(payload: dict[str, Any]) -> Chunk:
    fields = {name: payload[name] for name in _CHUNK_FIELDS}
    return Chunk(**(fields | {"heading_path": tuple(payload["heading_path"])}))


def to_conditions(scope: Scope, where: ChunkFilter) -> list[Condition]:
    """All of them must hold; the tenant is always among them, and nothing staged qualifies."""
    wanted: list[Condition] = [
        AnyOf(field="tenant", values=[scope.tenant]),
        AnyOf(field="state", values=["live"]),
        AnyOf(field="document_id", values=list[str](where.document_ids)),
        AnyOf(field="uri", values=list(where.uris)),
        StartsWith(field="uri", prefixes=where.uri_prefixes),
        AnyOf(field="media_type", values=list[str](where.media_types)),
        AnyOf(field="ordinal", values=list(where.ordinals)),
        *(AnyOf(field="labels", values=[_label(key, it) for it in its]) for key, its in where.metadata.items()),
        Within(field="ingested_at", since=where.ingested_since, before=where.ingested_before),
    ]
    return [condition for condition in wanted if condition.restricts]


def _label(key: str, value: str) -> str:
    return f"{key}={value}"


def to_metadata(embedder: EmbedderIdentity) -> dict[str, Any]:
    """What a collection says of itself."""
    return {"schema": SCHEMA, "embedder": asdict(embedder)}


def to_identity(metadata: dict[str, Any]) -> EmbedderIdentity:
    """Raises `IndexMismatch` where the points were written by another generation of this project."""
    if metadata.get("schema") != SCHEMA:
        raise IndexMismatch(
            "The collection was written by another version of this program, or by another program. "
            "Ingest into a new RAG_DATA_DIR or collection."
        )
    return EmbedderIdentity(**metadata["embedder"])


def newest_versions(hits: Iterable[ScoredChunk]) -> list[ScoredChunk]:
    """In the moment of a commit a search may meet two versions of a document: the one that came in last stays."""
    found = list(hits)
    newest: dict[DocumentId, Chunk] = {}
    for hit in found:
        known = newest.setdefault(hit.chunk.document_id, hit.chunk)
        if hit.chunk.ingested_at > known.ingested_at:
            newest[hit.chunk.document_id] = hit.chunk
    return [hit for hit in found if hit.chunk.version == newest[hit.chunk.document_id].version]


def require_same_embedder(found: EmbedderIdentity, configured: EmbedderIdentity) -> None:
    """Raises `IndexMismatch`: vectors of two embedders do not compare."""
    if found != configured:
        raise IndexMismatch(
            f"The collection was filled by {_said(found)}, and {_said(configured)} is configured. "
            "Configure the first again, or bring the collection over with `python -m ingest reindex`."
        )


def _said(identity: EmbedderIdentity) -> str:
    digest = f", weights {identity.digest[:12]}…" if identity.digest else ""
    return f"{identity.model} ({identity.dimension} dimensions{digest})"
