"""Conditions and points in the form of qdrant-client."""

from collections.abc import Sequence
from typing import Any

from qdrant_client import models

from rag.store import schema
from rag.store.bm25 import encode_passage
from rag.types import Chunk, ChunkFilter, Scope, Vector


def to_filter(scope: Scope, where: ChunkFilter) -> models.Filter:
    return all_of(schema.to_conditions(scope, where))


def all_of(conditions: Sequence[schema.Condition]) -> models.Filter:
    return models.Filter(must=[_to_condition(condition) for condition in conditions])


def to_corpus(scope: Scope) -> models.SearchParams:
    """Return the parameters that count words in the chunks of one tenant only."""
    own = schema.AnyOf("tenant", [scope.tenant])
    return models.SearchParams(idf=models.IdfCorpusParams(corpus=all_of([own])))


def to_struct(chunk: Chunk, vector: Vector, payload: dict[str, Any]) -> models.PointStruct:
    words = encode_passage(chunk)
    vectors: dict[str, models.Vector] = {
        schema.DENSE: vector.tolist(),
        schema.SPARSE: models.SparseVector(indices=words.indices, values=words.values),
    }
    scope = Scope(tenant=payload["tenant"])
    return models.PointStruct(id=schema.to_point_id(scope, chunk), vector=vectors, payload=payload)


def _to_condition(condition: schema.Condition) -> models.Condition:
    match condition:
        case schema.AnyOf(field=field, values=values):
            return models.FieldCondition(key=field, match=models.MatchAny(any=values))
        case schema.StartsWith(field=field, prefixes=prefixes):
            starts = [models.FieldCondition(key=field, match=models.MatchPrefix(prefix=it)) for it in prefixes]
            return models.Filter(should=[*starts])
        case schema.Within(field=field, since=since, before=before):
            return models.FieldCondition(key=field, range=models.Range(gte=since, lt=before))
