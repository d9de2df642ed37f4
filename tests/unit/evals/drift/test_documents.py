"""What came into a collection, against the revision before it."""

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


def growth_of(random, new: int, *, away: float = 0.0, old: int = 40) -> CollectionChange:
    """Documents of many passages that are alike, of which the new ones lie elsewhere, or do not."""

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


@pytest.mark.parametrize("new", [5, 20])
def test_documents_of_the_same_kind_are_seldom_called_unlike(new):
    random = np.random.default_rng(1)
    # At 1 % each: more than three of 30 come once in 4,500 such runs. A test of the passages calls all 30 unlike.
    assert sum(growth_of(random, new).drifted for _ in range(30)) <= 3


def test_five_documents_of_another_kind_are_enough():
    growth = growth_of(np.random.default_rng(2), 5, away=6)
    assert growth.drifted
    assert (growth.documents, growth.added, growth.kept) == (5, 5 * PASSAGES, 40 * PASSAGES)
    assert set(growth.strangest) == {f"file:{number}" for number in range(40, 45)}


def test_a_document_that_changed_counts_whole():
    """Of a few of its passages alone the mean lies farther out than that of a whole document."""
    random = np.random.default_rng(3)
    names = [f"default\nfile:{document}\n{number}" for document in range(60) for number in range(PASSAGES)]
    middles = np.repeat(random.normal(size=(60, 24)), PASSAGES, axis=0)
    found = middles + random.normal(scale=0.7, size=middles.shape)
    before = dict(zip(names, (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32), strict=True))
    now = {f"{name}b" if name.endswith("\n0") else name: vector for name, vector in before.items()}
    growth = compare_snapshots(
        Snapshot(embedder=EMBEDDER, vectors=before, words=frozenset()),
        Snapshot(embedder=EMBEDDER, vectors=now, words=frozenset()),
    )
    assert (growth.documents, growth.added, growth.removed) == (60, 60, 60)
    assert not growth.drifted


async def take_in(data_dir, documents: Mapping[str, str]) -> None:
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
def test_new_documents_of_another_kind_are_named(data_dir, tmp_path):
    settings = Settings(data_dir=data_dir)
    asyncio.run(take_in(data_dir, PUMPS))
    with pytest.raises(InvalidInput, match="no previous revision"):
        asyncio.run(read_previous(settings))
    # Under the name that was given.
    write_snapshot(asyncio.run(read_current(settings)), tmp_path / "before")
    assert [path.name for path in tmp_path.glob("before*")] == ["before"]
    asyncio.run(take_in(data_dir, DISHES))
    now = asyncio.run(read_current(settings))
    growth = compare_snapshots(asyncio.run(read_previous(settings)), now)
    assert growth.to_json()["drifted"] is True
    assert (growth.documents, growth.removed) == (5, 0)
    assert growth.added + growth.kept == len(now.vectors)
    assert set(growth.strangest) == set(DISHES)
    assert growth.separation.auc > 0.95
    assert growth.unknown_words > 0.2
    # A snapshot says the same as the revision it was made of.
    assert compare_snapshots(read_snapshot(tmp_path / "before"), now).added == growth.added
    with pytest.raises(InvalidInput, match="0 documents came in or changed, and 25 were there: too few"):
        compare_snapshots(now, now)
    with pytest.raises(InvalidInput, match="ingest something first"):
        write_snapshot(Snapshot(embedder=EMBEDDER, vectors={}, words=frozenset()), tmp_path / "empty")
