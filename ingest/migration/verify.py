"""Compares all copies of the collection, and mends documents that are not whole or not equal in all of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rag.errors import NotFound
from rag.store.backend import StoreBackend, StoredCopy
from rag.store.base import VectorStore
from rag.store.schema import AnyOf, Condition
from rag.types import ChunkFilter, DocumentId, Point, Scope

# A commit that is under way ends within this time, so a document that is wrong again is not being written.
_SETTLE_SECONDS = 2.0
_LOOKS = 3

Kind = Literal["two versions", "half committed", "incomplete", "no first passage", "staged leftover", "copies differ"]
MENDED_BY_INGESTION: frozenset[Kind] = frozenset({"incomplete"})
"""Their text is lost, so only the document itself can mend them."""


class DocumentKey(NamedTuple):
    """Names a document of a tenant."""

    tenant: str
    document_id: str


@dataclass(slots=True)
class _Version:
    """The points of one version of a document in one copy."""

    live: int = 0
    staged: int = 0
    last: int = 0
    has_first: bool = False
    order: int = 0
    ingested_at: float = 0.0

    @property
    def rank(self) -> tuple[int, float]:
        return self.order, self.ingested_at

    @property
    def is_whole(self) -> bool:
        return self.has_first and self.live == self.last + 1


_Versions = dict[str, _Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A document that is not as it should be."""

    key: DocumentKey
    kind: Kind
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of a comparison."""

    points: dict[str, int]
    """Number of live points by the name of the copy."""
    shards: dict[str, dict[int, int]]
    """Number of points by the name of the copy and by shard, as the server counts them: staged ones included."""
    findings: tuple[Finding, ...]
    missing_copies: str
    """Which copies of a shard are missing or not active. Empty if none."""
    mended: int


async def verify(
    backend: StoreBackend,
    *,
    nodes: Sequence[str],
    mend: bool,
    report: Callable[[str], None],
    settle_seconds: float = _SETTLE_SECONDS,
) -> Verification:
    """Look at every copy; raises `NotFound` without a collection.

    A finding is a document that looks wrong several times in a row, because writers may go on meanwhile.
    """
    embedder = await backend.embedder()
    if embedder is None:
        raise NotFound("There is no collection yet. Ingest documents first: `python -m ingest run`.")
    async with backend.open_copies(nodes) as copies:
        seen = {name: await _look(copy) for name, copy in copies.items()}
        shards = {name: await copy.count_by_shard() for name, copy in copies.items()}
        points = {
            name: sum(it.live for versions in found.values() for it in versions.values())
            for name, found in seen.items()
        }
        suspects = _inspect(seen, backend.keeps_staged)
        report(f"{len(suspects):,} documents to look at again")
        for _ in range(_LOOKS - 1):
            if not suspects:
                break
            await asyncio.sleep(settle_seconds)
            again = {name: await _look_again(copy, list(suspects)) for name, copy in copies.items()}
            suspects = _inspect(again, backend.keeps_staged)
        mended = 0
        if mend and suspects:
            async with backend.open_writer(embedder) as store:
                for finding in suspects.values():
                    mended += await _mend(finding, copies, store, again)
                await store.publish()
    return Verification(
        points=points,
        shards=shards,
        findings=tuple(suspects.values()),
        missing_copies=await backend.find_missing_copies(),
        mended=mended,
    )


async def _look(copy: StoredCopy, conditions: Sequence[Condition] = ()) -> dict[DocumentKey, _Versions]:
    found: dict[DocumentKey, _Versions] = {}
    async for payload, _ in copy.scan(conditions, False):
        key = DocumentKey(payload["tenant"], payload["document_id"])
        version = found.setdefault(key, {}).setdefault(payload["version"], _Version())
        version.order = max(version.order, payload.get("order", 0))
        version.ingested_at = payload["ingested_at"]
        if payload["state"] == "live":
            version.live += 1
            version.last = max(version.last, payload["ordinal"])
            version.has_first |= payload["ordinal"] == 0
        else:
            version.staged += 1
    return found


async def _look_again(copy: StoredCopy, keys: Sequence[DocumentKey]) -> dict[DocumentKey, _Versions]:
    found: dict[DocumentKey, _Versions] = {key: {} for key in keys}
    for key in keys:
        found |= await _look(copy, [AnyOf("tenant", [key.tenant]), AnyOf("document_id", [key.document_id])])
    return found


def _inspect(seen: Mapping[str, dict[DocumentKey, _Versions]], keeps_staged: bool) -> dict[DocumentKey, Finding]:
    keys = {key for found in seen.values() for key in found}
    findings = {}
    for key in sorted(keys):
        states = {name: found.get(key, {}) for name, found in seen.items()}
        if finding := _find_difference(key, states) or _find_fault(key, states, keeps_staged):
            findings[key] = finding
    return findings


def _find_difference(key: DocumentKey, states: Mapping[str, _Versions]) -> Finding | None:
    live = {
        name: {version: it.live for version, it in versions.items() if it.live} for name, versions in states.items()
    }
    if len({tuple(sorted(counts.items())) for counts in live.values()}) <= 1:
        return None
    detail = ", ".join(f"{name}: {sum(counts.values()) or 'no'} points" for name, counts in live.items())
    return Finding(key=key, kind="copies differ", detail=detail)


def _find_fault(key: DocumentKey, states: Mapping[str, _Versions], keeps_staged: bool) -> Finding | None:
    versions = next(iter(states.values()))
    live = [it for it in versions.values() if it.live]
    if len(live) > 1:
        return Finding(key=key, kind="two versions", detail=f"{len(live)} versions are live")
    if live and live[0].staged and keeps_staged:
        return Finding(key=key, kind="half committed", detail=f"{live[0].staged} points are not visible yet")
    if live and not live[0].has_first:
        return Finding(key=key, kind="no first passage", detail=f"{live[0].live} points without a document")
    if live and not live[0].is_whole:
        return Finding(key=key, kind="incomplete", detail=f"{live[0].live} of {live[0].last + 1} points or more")
    # On a server, a writer may be about to commit them. The next writer deletes them after a day.
    if not keeps_staged and (staged := sum(it.staged for it in versions.values())):
        return Finding(key=key, kind="staged leftover", detail=f"{staged} points that no writer will commit")
    return None


async def _mend(
    finding: Finding,
    copies: Mapping[str, StoredCopy],
    store: VectorStore,
    seen: Mapping[str, dict[DocumentKey, _Versions]],
) -> bool:
    """Mend the document with ordinary writes, which every copy gets; return False if only ingestion can mend it."""
    scope, document_id = Scope(tenant=finding.key.tenant), DocumentId(finding.key.document_id)
    if finding.kind in MENDED_BY_INGESTION:
        return False
    if finding.kind == "no first passage":
        await store.delete(scope, document_id)
        return True
    if finding.kind == "staged leftover":
        return True  # The writer deleted them when it opened.
    candidates = [
        (it.is_whole, it.rank, it.live, version, name)
        for name, found in seen.items()
        for version, it in found[finding.key].items()
        if it.live
    ]
    _, (order, _), _, version, name = max(candidates)
    if finding.kind == "copies differ":
        await store.stage(scope, await _points_of(copies[name], scope, document_id, version))
    await store.commit(scope, document_id, version, order=order or None)
    return True


async def _points_of(copy: StoredCopy, scope: Scope, document_id: DocumentId, version: str) -> list[Point]:
    where = ChunkFilter(document_ids=(document_id,))
    return [point async for point in copy.scroll_points(scope, where) if point.chunk.version == version]
