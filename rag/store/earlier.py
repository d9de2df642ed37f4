"""Collections of earlier schemas: what their points lack, and a reader that shows them as today's."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rag.languages import detect_language
from rag.store.base import Survey
from rag.store.schema import SCHEMA, AnyOf, Condition, to_chunk, to_conditions
from rag.types import EVERYTHING, Chunk, ChunkFilter, Point, Scope, Vector

Payload = dict[str, Any]

Scan = Callable[[Sequence[Condition], bool], AsyncIterator[tuple[Payload, Vector | None]]]
"""A function that yields the stored points that meet all conditions, with or without their vectors."""

_WITHOUT_VERSIONS = 1
"""The schema whose points have no state, because documents had no versions yet."""


def _add_version(payload: Payload) -> Payload:
    return {"state": "live", "version": f"1-{payload.get('content_hash', '')}", "validator": ""} | payload


def _add_metadata(payload: Payload) -> Payload:
    return {"metadata": {}, "order": 0} | payload


def _add_place(payload: Payload) -> Payload:
    return {"place": {}, "language": detect_language(payload.get("text", "")), "warnings": []} | payload


STEPS: Mapping[int, Callable[[Payload], Payload]] = {1: _add_version, 2: _add_metadata, 3: _add_place}
"""By schema, the function that turns a payload of this schema into one of the next.

A step derives what it adds from the stored payload. If it cannot, increment `_RECIPE` of `ingest.pipeline.preparation`
too: sources then parse their documents again, and `upgrade` says so.
"""


def to_current(payload: Payload, schema: int) -> Payload:
    """Return the payload in this version's schema."""
    for number in range(schema, SCHEMA):
        payload = STEPS[number](payload)
    return payload


class EarlierReader:
    """A collection of an earlier schema, whose chunks and points have this version's form. It cannot be searched."""

    def __init__(self, scan: Scan, schema: int) -> None:
        self._scan = scan
        self._schema = schema

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:
        async for payload, _ in self._scan(self._conditions(scope, where), False):
            yield to_chunk(to_current(payload, self._schema))

    async def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:
        async for stored, vector in self._scan(self._conditions(scope, where), True):
            payload = to_current(stored, self._schema)
            yield Point(chunk=to_chunk(payload), vector=np.asarray(vector, np.float32), order=payload.get("order", 0))

    async def survey(self, *, since: float) -> Survey:
        """Return statistics. They are counted point by point, because an earlier schema may lack the indexes."""
        tenants: set[str] = set()
        documents = chunks = recent_chunks = 0
        newest: float | None = None
        async for stored, _ in self._scan((), False):
            payload = to_current(stored, self._schema)
            if payload["state"] != "live":
                continue
            tenants.add(payload["tenant"])
            documents += payload["ordinal"] == 0
            chunks += 1
            recent_chunks += payload["ingested_at"] >= since
            newest = max(newest or 0.0, payload["ingested_at"])
        return Survey(
            tenants=tuple(sorted(tenants)),
            documents=documents,
            chunks=chunks,
            recent_chunks=recent_chunks,
            newest=newest,
        )

    def _conditions(self, scope: Scope, where: ChunkFilter) -> list[Condition]:
        conditions = to_conditions(scope, where)
        if self._schema > _WITHOUT_VERSIONS:
            return conditions
        return [it for it in conditions if not (isinstance(it, AnyOf) and it.field == "state")]
