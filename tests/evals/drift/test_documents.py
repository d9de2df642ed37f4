"""What came into a collection, against the revision before it."""

import asyncio

import pytest

from evals.drift.documents import compare_snapshots, read_current, read_previous, read_snapshot, write_snapshot
from ingest.pipeline import Pipeline
from ingest.resources import open_models, open_store
from ingest.settings import Settings as IngestSettings
from ingest.sources.base import Unit
from rag.errors import InvalidInput
from rag.types import DocumentId, RawDocument, Scope
from service.settings import Settings

PUMPS = "\n\n".join(
    f"## Step {step}\n\nCheck the {part} of the pump for wear and tighten the {part} by {step} turns."
    for step, part in enumerate(["seal", "valve", "rotor", "shaft", "gauge", "motor"] * 4)
)
DISHES = "\n\n".join(
    f"## Dish {number}\n\nBoil the {dish} with garlic, parsley and {number} spoons of olive oil until soft."
    for number, dish in enumerate(["rice", "beans", "lentils", "pasta", "spinach", "carrots"] * 4)
)


async def take_in(data_dir, **documents: str) -> None:
    settings = IngestSettings(data_dir=data_dir)
    async with open_models(settings) as models, open_store(settings, models) as store:
        pipeline = Pipeline(store, models.batcher, models.cutters)
        for name, text in documents.items():
            raw = RawDocument(id=DocumentId(name), uri=name, media_type="text/markdown", body=text.encode())

            async def fetch(_: str, raw: RawDocument = raw) -> RawDocument:
                return raw

            await pipeline.take_in(Scope(tenant="default"), Unit(id=raw.id, uri=name, fetch=fetch), {})
        await store.publish()


def test_new_documents_of_another_kind_are_named(data_dir, tmp_path):
    settings = Settings(data_dir=data_dir)
    asyncio.run(take_in(data_dir, pumps=PUMPS))
    with pytest.raises(InvalidInput, match="no previous revision"):
        asyncio.run(read_previous(settings))
    write_snapshot(asyncio.run(read_current(settings)), tmp_path / "before.npz")
    asyncio.run(take_in(data_dir, dishes=DISHES))
    now = asyncio.run(read_current(settings))
    growth = compare_snapshots(asyncio.run(read_previous(settings)), now)
    assert growth.to_json()["drifted"] is True
    assert (growth.added, growth.removed, growth.kept) == (24, 0, 24)
    assert growth.strangest == ("dishes",)
    assert growth.separation.auc > 0.95
    assert growth.unknown_words > 0.2
    # A snapshot says the same as the revision it was made of.
    assert compare_snapshots(read_snapshot(tmp_path / "before.npz"), now).added == 24
    with pytest.raises(InvalidInput, match="too few"):
        compare_snapshots(now, now)
