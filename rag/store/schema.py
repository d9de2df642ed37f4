"""How a chunk lies in Qdrant: names of vectors, payload fields and their indexes, the same in both adapters."""

from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid5

import qdrant_edge

from rag.errors import IndexMismatch
from rag.types import Chunk, ChunkFilter, EmbedderIdentity, Scope

DENSE = "dense"
SPARSE = "bm25"
RRF_K = 60
"""The constant of reciprocal rank fusion, as in Cormack, Clarke and Büttcher, SIGIR 2009."""
CANDIDATES_PER_RESULT = 5
MIN_CANDIDATES = 50

KEYWORD_FIELDS = ("tenant", "document_id", "uri", "media_type")
INTEGER_FIELDS = ("ordinal",)

_CHUNK_FIELDS = tuple(Chunk.__dataclass_fields__)
# Chunks are up to 254 wordpieces; half of them are left when stop words and word parts are gone.
_AVERAGE_WORDS = 128


def build_bm25() -> qdrant_edge.Bm25:
    """Computes both sides of BM25: term frequencies here, inverse document frequencies inside Qdrant."""
    return qdrant_edge.Bm25(qdrant_edge.Bm25Config(avg_len=_AVERAGE_WORDS))


def candidates_for(limit: int) -> int:
    """How many candidates each ranking hands to the fusion."""
    return max(MIN_CANDIDATES, limit * CANDIDATES_PER_RESULT)


def to_point_id(scope: Scope, chunk_id: str) -> str:
    """Two tenants may hold the same chunk; neither may overwrite the other's point."""
    return str(uuid5(UUID(chunk_id), scope.tenant))


def to_payload(scope: Scope, chunk: Chunk) -> dict[str, Any]:
    return asdict(chunk) | {"tenant": scope.tenant, "heading_path": list(chunk.heading_path)}


def to_chunk(payload: dict[str, Any]) -> Chunk:
    fields = {name: payload[name] for name in _CHUNK_FIELDS}
    return Chunk(**(fields | {"heading_path": tuple(payload["heading_path"])}))


def to_conditions(scope: Scope, where: ChunkFilter) -> dict[str, list[str] | list[int]]:
    """Payload field to the values it may have; the tenant is always among them."""
    wanted: dict[str, list[str] | list[int]] = {
        "document_id": list[str](where.document_ids),
        "uri": list(where.uris),
        "media_type": list[str](where.media_types),
        "ordinal": list(where.ordinals),
    }
    return {"tenant": [scope.tenant]} | {field: values for field, values in wanted.items() if values}


def require_same_embedder(found: EmbedderIdentity, configured: EmbedderIdentity) -> None:
    """Raises `IndexMismatch`: vectors of two embedders do not compare."""
    if found != configured:
        raise IndexMismatch(
            f"The collection was filled by {_said(found)}, and {_said(configured)} is configured. "
            "Configure the first again, or ingest into a new RAG_DATA_DIR or collection."
        )


def _said(identity: EmbedderIdentity) -> str:
    digest = f", weights {identity.digest[:12]}…" if identity.digest else ""
    return f"{identity.model} ({identity.dimension} dimensions{digest})"
