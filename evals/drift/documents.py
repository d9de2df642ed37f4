"""Whether what came into a collection is unlike what was there: against the previous revision, or a snapshot.

A document counts once, as the mean of its passages. Passages of one document are alike, so a test of single passages
would call every growth a change: its permutations take them to be independent.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evals.drift.comparison import FALSE_ALARMS, psi_by_chance
from evals.drift.two_sample_test import Separation, Shift, measure_shift, separate
from rag.embedding.factory import open_embedder
from rag.errors import InvalidInput
from rag.http import open_session
from rag.settings import EdgeStoreSettings
from rag.store.edge.revisions import Revisions
from rag.store.edge.shard import Shard, to_point
from rag.store.factory import open_reader
from rag.types import EVERYTHING, EmbedderIdentity, Point, Scope, Vector
from service.drift.archives import UNREADABLE, open_arrays, write_arrays
from service.drift.bins import cut_bins, psi
from service.drift.reference import (
    MAX_QUESTIONS,
    MIN_QUESTIONS,
    Vectors,
    nearest_among,
    word_key,
)
from service.sentences import content_stems
from service.settings import Settings

_SEED = 28
_SHOWN = 10
_FEWEST_OLD = MIN_QUESTIONS
# Chance puts these last among 25 once in 53,130 permutations: enough to be sure of something.
_FEWEST_NEW = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The passages of a collection at one time."""

    embedder: EmbedderIdentity
    vectors: Mapping[str, Vector]
    """Tenant, document and passage to vector."""
    words: frozenset[int]
    """Hashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionChange:
    """What came in against what was there."""

    documents: int
    """Those that have a passage which was not there: new ones, and changed ones as they are now."""
    added: int
    """Passages, as the two below."""
    removed: int
    kept: int
    shift: Shift
    separation: Separation
    psi: float
    """Of the cosine to the five nearest documents that were there."""
    psi_by_chance: float
    """What is to be expected where nothing has changed."""
    unknown_words: float
    """Share of the collection's words that it did not have before."""
    strangest: tuple[str, ...]
    """Documents that came in and are farthest from what was there."""

    @property
    def drifted(self) -> bool:
        return self.shift.p_value <= FALSE_ALARMS

    def to_json(self) -> dict[str, Any]:
        return {
            "drifted": self.drifted,
            "auc": self.separation.auc,
            "auc_interval": list(self.separation.interval),
            "mmd": self.shift.mmd,
            "p_value": self.shift.p_value,
            "psi": self.psi,
            "documents": self.documents,
            "added": self.added,
            "removed": self.removed,
            "kept": self.kept,
            "unknown_words": self.unknown_words,
        }


def compare_snapshots(before: Snapshot, now: Snapshot) -> CollectionChange:
    """Raises `InvalidInput` where too little came in to say anything, or where the embedder is another one."""
    if before.embedder != now.embedder:
        raise InvalidInput("Another embedder has filled the collection since: its vectors do not compare.")
    added = [name for name in now.vectors if name not in before.vectors]
    came, there = {_document_of(name) for name in added}, _by_document(before)
    if len(came) < _FEWEST_NEW or len(there) < _FEWEST_OLD:
        raise InvalidInput(
            f"{len(came)} documents came in or changed, and {len(there)} were there: too few to tell a change from "
            f"chance. It takes {_FEWEST_NEW} that came and {_FEWEST_OLD} that were there."
        )
    # Whole documents on both sides: the mean of a few passages lies farther out than that of many.
    new = _some({document: vector for document, vector in _by_document(now).items() if document in came})
    old = _some(there)
    new_vectors, old_vectors = np.stack(list(new.values())), np.stack(list(old.values()))
    nearness = nearest_among(new_vectors, old_vectors, same=False)
    bins = cut_bins(nearest_among(old_vectors, old_vectors, same=True))
    names = list(new)
    return CollectionChange(
        documents=len(came),
        added=len(added),
        removed=sum(name not in now.vectors for name in before.vectors),
        kept=len(now.vectors) - len(added),
        shift=measure_shift(old_vectors, new_vectors),
        separation=separate(old_vectors, new_vectors),
        psi=psi(bins.shares(nearness), bins.ratios),
        psi_by_chance=psi_by_chance(bins, len(new)),
        unknown_words=len(now.words - before.words) / max(len(now.words), 1),
        strangest=tuple(names[index].partition("\n")[2] for index in np.argsort(nearness)[:_SHOWN]),
    )


async def read_current(settings: Settings) -> Snapshot:
    """What the service serves."""
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
        open_reader(settings.store, embedder.identity, root=settings.store_dir) as store,
    ):
        tenants = (await store.survey(since=0)).tenants
        return await _collect(
            embedder.identity, {tenant: store.scroll_points(Scope(tenant=tenant)) for tenant in tenants}
        )


async def read_previous(settings: Settings) -> Snapshot:
    """The revision before the current one, of the embedded collection. Raises `InvalidInput` where there is none."""
    revisions = Revisions(settings.store_dir)
    path, embedder = revisions.previous(), revisions.embedder()
    if not isinstance(settings.store, EdgeStoreSettings) or path is None or embedder is None:
        raise InvalidInput("There is no previous revision here: keep a snapshot with --save, and compare --against it.")
    shard = Shard.load(path)
    try:
        tenants = shard.survey(since=0).tenants
        return await _collect(embedder, {tenant: _points(shard, tenant) for tenant in tenants})
    finally:
        shard.close()


def write_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Raises `InvalidInput` for an empty collection."""
    if not snapshot.vectors:
        raise InvalidInput("There are no passages to keep a snapshot of: ingest something first.")
    header = {"embedder": asdict(snapshot.embedder), "names": list(snapshot.vectors)}
    write_arrays(
        path,
        header=np.array(json.dumps(header)),
        vectors=np.stack(list(snapshot.vectors.values())).astype(np.float16),
        words=np.array(sorted(snapshot.words), dtype=np.uint32),
    )


def read_snapshot(path: Path) -> Snapshot:
    """Raises `InvalidInput`."""
    try:
        with open_arrays(path) as file:
            header = json.loads(str(file["header"]))
            vectors: Vectors = file["vectors"].astype(np.float32)
            return Snapshot(
                embedder=EmbedderIdentity(**header["embedder"]),
                vectors=dict(zip(header["names"], vectors, strict=True)),
                words=frozenset(file["words"].tolist()),
            )
    except UNREADABLE as error:
        raise InvalidInput(f"{path} is no snapshot of a collection: {error}") from error


async def _points(shard: Shard, tenant: str) -> AsyncIterator[Point]:
    async for record in shard.scroll(Scope(tenant=tenant), EVERYTHING, with_vector=True):
        yield to_point(record)


async def _collect(embedder: EmbedderIdentity, points: Mapping[str, AsyncIterator[Point]]) -> Snapshot:
    vectors: dict[str, Vector] = {}
    words: set[str] = set()
    for tenant, of_tenant in points.items():
        async for point in of_tenant:
            vectors[f"{tenant}\n{point.chunk.uri}\n{point.chunk.id}"] = point.vector
            words |= content_stems(point.chunk.passage)
    return Snapshot(embedder=embedder, vectors=vectors, words=frozenset(word_key(word) for word in words))


def _document_of(name: str) -> str:
    return name.rpartition("\n")[0]


def _by_document(snapshot: Snapshot) -> dict[str, Vector]:
    """The mean of each one's passages, of norm 1."""
    passages: dict[str, list[Vector]] = {}
    for name, vector in snapshot.vectors.items():
        passages.setdefault(_document_of(name), []).append(vector)
    means = {document: np.mean(vectors, axis=0) for document, vectors in passages.items()}
    return {document: mean / np.linalg.norm(mean) for document, mean in means.items()}


def _some(documents: dict[str, Vector]) -> dict[str, Vector]:
    if len(documents) <= MAX_QUESTIONS:
        return documents
    names = list(documents)
    chosen = np.random.default_rng(_SEED).choice(len(names), MAX_QUESTIONS, replace=False)
    return {names[index]: documents[names[index]] for index in chosen}
