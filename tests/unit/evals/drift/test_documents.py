"""The comparison of a collection with its previous revision or a snapshot."""

import asyncio
from collections.abc import Mapping

import numpy as np
import pytest

from evals.drift.documents import (
    CollectionChange,
    Snapshot,
    compare_snapshots,
    read_current,
    read_previous,
    read_snapshot,
    write_snapshot,
)
from ingest.pipeline.pipeline import Pipeline
from ingest.resources import open_models, open_store
from ingest.settings import Settings as IngestSettings
from ingest.sources.base import Unit
from rag.errors import InvalidInput
from rag.types import DocumentId, EmbedderIdentity, RawDocument, Scope
from service.settings import Settings

PARTS = ["seal", "valve", "rotor", "shaft", "gauge", "motor", "bearing", "impeller", "casing", "gasket"]
PUMPS = {
    f"{part}-{size}": f"## Wear\n\nCheck the {part} of the {size} pump for wear every month.\n\n"
    f"## Fitting\n\nTighten the {part} of the {size} pump by {number} turns and restart it."
    for number, part in enumerate(PARTS)
    for size in ("large", "small")
}
DISHES = {
    dish: f"## Boiling\n\nBoil the {dish} with garlic and parsley until soft.\n\n"
    f"## Serving\n\nServe the {dish} with {number} spoons of olive oil."
    for number, dish in enumerate(["rice", "beans", "lentils", "pasta", "spinach"])
}
EMBEDDER = EmbedderIdentity(model="round", dimension=24)
PASSAGES = 12


def compare_with_new(random, new: int, *, away: float = 0.0, old: int = 40) -> CollectionChange:
    """Compare old documents with `new` ones. `away` shifts the new ones; passages of one document are similar."""

    def vectors(names: range, centre: float) -> dict[str, np.ndarray]:
        found = {}
        for document in names:
            middle = random.normal(size=24)
            middle[0] += centre
            for number, vector in enumerate(middle + random.normal(scale=0.7, size=(PASSAGES, 24))):
                found[f"default\nfile:{document}\n{number}"] = (vector / np.linalg.norm(vector)).astype(np.float32)
        return found

    before = vectors(range(old), 0.0)
    now = before | vectors(range(old, old + new), away)
    snapshots = [Snapshot(embedder=EMBEDDER, vectors=it, words=frozenset()) for it in (before, now)]
    return compare_snapshots(*snapshots)


@pytest.mark.slow
@pytest.mark.parametrize("new", [5, 20])
def test_similar_documents_are_rarely_reported_as_drift(new):
    random = np.random.default_rng(1)
    # With 1 % each, more than 3 of 30 happen once in 4,500 runs. A test of passages would report all 30.
    assert sum(compare_with_new(random, new).drifted for _ in range(30)) <= 3


def test_five_different_documents_are_detected():
    change = compare_with_new(np.random.default_rng(2), 5, away=6)
    assert change.drifted
    assert (change.documents, change.added, change.kept) == (5, 5 * PASSAGES, 40 * PASSAGES)
    assert set(change.least_similar) == {f"file:{number}" for number in range(40, 45)}


def test_all_passages_of_a_changed_document_count():
    """The mean of a few passages is farther out than that of a complete document and would be reported."""
    random = np.random.default_rng(3)
    names = [f"default\nfile:{document}\n{number}" for document in range(60) for number in range(PASSAGES)]
    middles = np.repeat(random.normal(size=(60, 24)), PASSAGES, axis=0)
    found = middles + random.normal(scale=0.7, size=middles.shape)
    before = dict(zip(names, (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32), strict=True))
    now = {f"{name}b" if name.endswith("\n0") else name: vector for name, vector in before.items()}
    change = compare_snapshots(
        Snapshot(embedder=EMBEDDER, vectors=before, words=frozenset()),
        Snapshot(embedder=EMBEDDER, vectors=now, words=frozenset()),
    )
    assert (change.documents, change.added, change.removed) == (60, 60, 60)
    assert not change.drifted


async def ingest_all(data_dir, documents: Mapping[str, str]) -> None:
    settings = IngestSettings(data_dir=data_dir)
    async with open_models(settings) as models, open_store(settings, models) as store:
        pipeline = Pipeline(store, models.batcher, models.parsers)
        for name, text in documents.items():
            raw = RawDocument(id=DocumentId(name), uri=name, media_type="text/markdown", body=text.encode())

            async def fetch(_: str, raw: RawDocument = raw) -> RawDocument:
                return raw

            await pipeline.ingest(Scope(tenant="default"), Unit(id=raw.id, uri=name, fetch=fetch), {})
        await store.publish()


@pytest.mark.slow
def test_new_documents_of_another_kind_are_listed(data_dir, tmp_path):
    settings = Settings(data_dir=data_dir)
    asyncio.run(ingest_all(data_dir, PUMPS))
    with pytest.raises(InvalidInput, match="no previous revision"):
        asyncio.run(read_previous(settings))
    # NumPy would append a suffix to the given name.
    write_snapshot(asyncio.run(read_current(settings)), tmp_path / "before")
    assert [path.name for path in tmp_path.glob("before*")] == ["before"]
    asyncio.run(ingest_all(data_dir, DISHES))
    now = asyncio.run(read_current(settings))
    change = compare_snapshots(asyncio.run(read_previous(settings)), now)
    assert change.to_json()["drifted"] is True
    assert (change.documents, change.removed) == (5, 0)
    assert change.added + change.kept == len(now.vectors)
    assert set(change.least_similar) == set(DISHES)
    assert change.separation.auc > 0.95
    assert change.unknown_words > 0.2
    # A snapshot gives the same result as the revision that it was made of.
    assert compare_snapshots(read_snapshot(tmp_path / "before"), now).added == change.added
    with pytest.raises(InvalidInput, match="0 documents are new or changed, and 25 are older"):
        compare_snapshots(now, now)
    with pytest.raises(InvalidInput, match="Ingest documents first"):
        write_snapshot(Snapshot(embedder=EMBEDDER, vectors={}, words=frozenset()), tmp_path / "empty")
