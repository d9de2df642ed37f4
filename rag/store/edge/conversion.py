"""Conversion between the types of this project and those of Qdrant's engine."""

from typing import Any

import numpy as np
import qdrant_edge as edge

from rag.store import schema
from rag.store.bm25 import encode_passage
from rag.types import ChunkFilter, DocumentId, Point, Scope, Vector

LIVE: Any = edge.FieldCondition("state", match=edge.MatchValue("live"))


def to_point(record: edge.Record) -> Point:
    payload = record.payload or {}
    return Point(chunk=schema.to_chunk(payload), vector=dense_of(record), order=payload.get("order", 0))


def dense_of(record: edge.Record) -> Vector:
    vectors: Any = record.vector
    return np.asarray(vectors[schema.DENSE], dtype=np.float32)


def to_edge_point(scope: Scope, point: Point) -> edge.Point:
    vectors = {schema.DENSE: point.vector.tolist(), schema.SPARSE: encode_passage(point.chunk)}
    return edge.Point(schema.to_point_id(scope, point.chunk), vectors, schema.to_payload(scope, point))


def to_must(scope: Scope, where: ChunkFilter) -> list[Any]:
    return [to_condition(condition) for condition in schema.to_conditions(scope, where)]


def to_corpus(scope: Scope) -> edge.SearchParams:
    """Return the parameters that count words in the chunks of one tenant only."""
    own: Any = edge.FieldCondition("tenant", match=edge.MatchValue(scope.tenant))
    return edge.SearchParams(idf=edge.IdfParams(corpus=edge.Filter(must=[own])))


def to_condition(condition: schema.Condition) -> Any:
    match condition:
        case schema.AnyOf(field=field, values=values):
            return edge.FieldCondition(field, match=edge.MatchAny(values))
        case schema.StartsWith(field=field, prefixes=prefixes):
            starts: Any = [edge.FieldCondition(field, match=edge.MatchPrefix(prefix)) for prefix in prefixes]
            return edge.Filter(should=starts)
        case schema.Within(field=field, since=since, before=before):
            return edge.FieldCondition(field, range=edge.RangeFloat(gte=since, lt=before))


def to_owner(scope: Scope, document_id: DocumentId) -> list[Any]:
    return [
        edge.FieldCondition("tenant", match=edge.MatchValue(scope.tenant)),
        edge.FieldCondition("document_id", match=edge.MatchValue(document_id)),
    ]


def to_later(order: int | None) -> list[Any]:
    return [] if order is None else [edge.FieldCondition("order", range=edge.RangeFloat(gt=order))]
