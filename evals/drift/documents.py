"""Tests whether the new documents of a collection differ from those of the previous revision or a snapshot.

A document counts once, as the mean of its passages. The permutation test assumes independent items, but passages of one
document are similar. A test of single passages would therefore report drift for every new document.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evals.collection import open_configured_embedder
from evals.drift.comparison import FALSE_ALARMS, psi_by_chance
from evals.drift.two_sample_test import Separation, Shift, measure_shift, separate
from rag.errors import InvalidInput
from rag.settings import EdgeStoreSettings
from rag.store.edge.conversion import to_point
from rag.store.edge.revisions import Revisions
from rag.store.edge.shard import Shard
from rag.store.factory import build_backend
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
_MAX_LISTED = 10
_MIN_OLD_DOCUMENTS = MIN_QUESTIONS
# Chance puts these last among 25 once in 53,130 permutations: enough to be sure of something.
_MIN_NEW_DOCUMENTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The passages of a collection at one time."""

    embedder: EmbedderIdentity
    vectors: Mapping[str, Vector]
    """Vectors by tenant, document and passage, separated by line breaks."""
    words: frozenset[int]
    """Hashed words of all passages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionChange:
    """The new documents of a collection compared with the earlier ones."""

    documents: int
    """New and changed documents: those with at least one new passage."""
    added: int
    """Number of passages, as in the two fields below."""
    removed: int
    kept: int
    shift: Shift
    separation: Separation
    psi: float
    """PSI of the cosine to the five nearest earlier documents."""
    psi_by_chance: float
    """The PSI to expect without a change."""
    unknown_words: float
    """Share of the collection's words that are new."""
    least_similar: tuple[str, ...]
    """URIs of the new documents that are least similar to the earlier ones."""

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


def compare_snapshots(before: Snapshot, current: Snapshot) -> CollectionChange:
    """Compare two snapshots. Raise `InvalidInput` for too few documents, or if the embedder changed."""
    if before.embedder != current.embedder:
        raise InvalidInput("The collection was embedded by another embedder since, so its vectors cannot be compared.")
    added = [name for name in current.vectors if name not in before.vectors]
    changed, earlier = {_document_of(name) for name in added}, _by_document(before)
    if len(changed) < _MIN_NEW_DOCUMENTS or len(earlier) < _MIN_OLD_DOCUMENTS:
        raise InvalidInput(
            f"{len(changed)} documents are new or changed, and {len(earlier)} are older. A comparison needs at least "
            f"{_MIN_NEW_DOCUMENTS} and {_MIN_OLD_DOCUMENTS}: fewer cannot be distinguished from chance."
        )
    # All passages of a changed document count: the mean of a few passages is farther out than the mean of many.
    new = _draw_sample({document: vector for document, vector in _by_document(current).items() if document in changed})
    old = _draw_sample(earlier)
    new_vectors, old_vectors = np.stack(list(new.values())), np.stack(list(old.values()))
    nearness = nearest_among(new_vectors, old_vectors, same=False)
    bins = cut_bins(nearest_among(old_vectors, old_vectors, same=True))
    names = list(new)
    return CollectionChange(
        documents=len(changed),
        added=len(added),
        removed=sum(name not in current.vectors for name in before.vectors),
        kept=len(current.vectors) - len(added),
        shift=measure_shift(old_vectors, new_vectors),
        separation=separate(old_vectors, new_vectors),
        psi=psi(bins.shares(nearness), bins.ratios),
        psi_by_chance=psi_by_chance(bins, len(new)),
        unknown_words=len(current.words - before.words) / max(len(current.words), 1),
        least_similar=tuple(names[index].partition("\n")[2] for index in np.argsort(nearness)[:_MAX_LISTED]),
    )


async def read_current(settings: Settings) -> Snapshot:
    """Read the collection that the service serves."""
    async with (
        open_configured_embedder(settings) as embedder,
        build_backend(settings.store, root=settings.store_dir).open_reader(embedder.identity) as store,
    ):
        tenants = (await store.survey(since=0)).tenants
        return await _collect(
            embedder.identity, {tenant: store.scroll_points(Scope(tenant=tenant)) for tenant in tenants}
        )


async def read_previous(settings: Settings) -> Snapshot:
    """Read the previous revision of the embedded collection. Raise `InvalidInput` without one."""
    revisions = Revisions(settings.store_dir)
    path, embedder = revisions.previous(), revisions.embedder()
    if not isinstance(settings.store, EdgeStoreSettings) or path is None or embedder is None:
        raise InvalidInput(
            "There is no previous revision. Write a snapshot with --save, and compare with it later by --against."
        )
    shard = Shard.load(path)
    try:
        tenants = shard.survey(since=0).tenants
        return await _collect(embedder, {tenant: _points(shard, tenant) for tenant in tenants})
    finally:
        shard.close()


def write_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot. Raise `InvalidInput` for an empty collection."""
    if not snapshot.vectors:
        raise InvalidInput("The collection is empty, so there is nothing to write. Ingest documents first.")
    header = {"embedder": asdict(snapshot.embedder), "names": list(snapshot.vectors)}
    write_arrays(
        path,
        header=np.array(json.dumps(header)),
        vectors=np.stack(list(snapshot.vectors.values())).astype(np.float16),
        words=np.array(sorted(snapshot.words), dtype=np.uint32),
    )


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot. Raise `InvalidInput` if the file has another format."""
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
        raise InvalidInput(f"{path} is not a snapshot of a collection: {error}") from error


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
    """Return the mean vector of each document's passages, normalised to length 1."""
    passages: dict[str, list[Vector]] = {}
    for name, vector in snapshot.vectors.items():
        passages.setdefault(_document_of(name), []).append(vector)
    means = {document: np.mean(vectors, axis=0) for document, vectors in passages.items()}
    return {document: mean / np.linalg.norm(mean) for document, mean in means.items()}


def _draw_sample(documents: dict[str, Vector]) -> dict[str, Vector]:
    if len(documents) <= MAX_QUESTIONS:
        return documents
    names = list(documents)
    chosen = np.random.default_rng(_SEED).choice(len(names), MAX_QUESTIONS, replace=False)
    return {names[index]: documents[names[index]] for index in chosen}
