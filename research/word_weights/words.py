"""Searches by words in shards of the embedded engine, with the counts of the shard or of the tenant (ADR 62)."""

import heapq
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import qdrant_edge as edge

from rag.store import schema
from rag.store.bm25 import encode_question
from rag.store.edge.conversion import to_corpus, to_must
from rag.store.edge.shard import Shard
from rag.types import EVERYTHING, Chunk, DocumentId, Point, Scope, Vector

_DEPTH: Final = 10
# Words alone are searched, so the dense vectors do not matter, and small ones are filled fast.
_SMALL: Final = np.array([1.0, 0.0], np.float32)
_EVERY_POINT: Final = edge.Filter()

Ranking = list[tuple[float, str]]
"""The best documents, each after its score, best first."""


def to_point(document: str, text: str, *, version: str = "v1", vector: Vector = _SMALL) -> Point:
    """Return a document of one passage."""
    chunk = Chunk(
        id=str(uuid5(NAMESPACE_URL, f"{document}/{version}")),
        document_id=DocumentId(document),
        uri=document,
        media_type="text/plain",
        title="",
        heading_path=(),
        text=text,
        ordinal=0,
        version=version,
        ingested_at=0.0,
        chunk_count=1,
        language="en",
    )
    return Point(chunk=chunk, vector=vector)


def fill(
    folder: Path, points: Iterable[tuple[Scope, Sequence[Point]]], *, dimension: int = len(_SMALL)
) -> edge.EdgeShard:
    """Return a new shard with these points, all of them live."""
    shard = Shard.create(folder, dimension)
    for scope, some in points:
        shard.insert(scope, some)
    shard.flush()
    shard.close()
    opened = edge.EdgeShard.load(str(folder))
    opened.update(edge.UpdateOperation.set_payload_by_filter(_EVERY_POINT, {"state": "live"}))
    return opened


def rank(shard: edge.EdgeShard, scope: Scope, question: str, *, by_tenant: bool) -> Ranking:
    """Return the best ten passages of the scope by words alone."""
    request = edge.QueryRequest(
        limit=_DEPTH,
        query=edge.Query.Nearest(encode_question(question, frozenset({"en"})), using=schema.SPARSE),
        filter=edge.Filter(must=to_must(scope, EVERYTHING)),
        params=to_corpus(scope) if by_tenant else None,
        with_payload=["document_id"],
    )
    found: Any = shard.query_batch(edge.QueryBatchRequest([request]))[0]
    return sorted(((hit.score, str(hit.payload["document_id"])) for hit in found), reverse=True)


def rank_all(shards: Sequence[edge.EdgeShard], scope: Scope, question: str, *, by_tenant: bool) -> Ranking:
    """Return the best ten of all shards, each scored in its own shard, as a server merges them."""
    found = (rank(shard, scope, question, by_tenant=by_tenant) for shard in shards)
    return heapq.nlargest(_DEPTH, (hit for ranking in found for hit in ranking))
