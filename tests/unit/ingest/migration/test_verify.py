"""`verify` finds what a broken write left in the embedded collection, and mends it."""

import pytest

from ingest.migration.verify import verify
from rag.errors import NotFound
from rag.store.edge.backend import EdgeBackend
from rag.store.edge.store import open_edge_writer
from rag.types import EVERYTHING
from tests.support.contracts.store import EMBEDDER, OURS, point, put, texts


def ignore(_: str) -> None:
    """Print nothing."""


async def findings(root, *, mend: bool = False) -> dict[str, str]:
    found = await verify(EdgeBackend(root), nodes=(), mend=mend, report=ignore, settle_seconds=0)
    return {it.key.document_id: it.kind for it in found.findings}


async def test_a_collection_that_is_missing_is_not_verified(tmp_path):
    with pytest.raises(NotFound):
        await findings(tmp_path)


async def test_each_fault_is_named_and_mended(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as store:
        await put(store, OURS, [point("whole", document="whole"), point("too", document="whole", ordinal=1)])
        await put(store, OURS, [point("orphan", document="orphan", ordinal=1)])
        await put(store, OURS, [point("gap", document="gap"), point("far", document="gap", ordinal=2)])
        await store.stage(OURS, [point("left", document="leftover")])
        await put(store, OURS, [point("old", document="double", ingested_at=1.0)])
        await store.stage(OURS, [point("new", document="double", version="v2", ingested_at=2.0)])
        await store.publish()
    assert await findings(tmp_path) == {
        "double": "staged leftover",
        "gap": "incomplete",
        "leftover": "staged leftover",
        "orphan": "no first passage",
    }
    await findings(tmp_path, mend=True)
    assert await findings(tmp_path) == {"gap": "incomplete"}
    async with EdgeBackend(tmp_path).open_reader(EMBEDDER) as reader:
        assert await texts(reader, OURS, EVERYTHING) == {"whole", "too", "gap", "far", "old"}
