"""What must hold after any fault: each document is stored once and completely, and nothing else is left."""

import asyncio
from collections import Counter
from pathlib import Path

import qdrant_edge

from rag.store.edge.revisions import Revisions
from rag.store.edge.store import open_edge_reader
from rag.types import Chunk, Scope

SCOPE = Scope(tenant="default")


def stored(data_dir: Path) -> list[Chunk]:
    """Return the visible chunks, after a check that each document is complete."""
    chunks = asyncio.run(_scroll(data_dir / "store"))
    require_whole(chunks)
    return chunks


def require_whole(chunks: list[Chunk]) -> None:
    """Assert that each document has one version and each of its chunks once."""
    by_document: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_document.setdefault(chunk.document_id, []).append(chunk)
    for parts in by_document.values():
        assert {part.version for part in parts} == {parts[0].version}
        assert sorted(part.ordinal for part in parts) == list(range(parts[0].chunk_count))
    assert max(Counter(chunk.id for chunk in chunks).values(), default=1) == 1


def require_each_once(data_dir: Path, documents: int) -> None:
    """Assert that so many documents are stored, each once, and nothing else."""
    chunks = stored(data_dir)
    assert len({chunk.document_id for chunk in chunks}) == documents
    require_nothing_left_over(data_dir)


def require_nothing_left_over(data_dir: Path) -> None:
    """Assert that there are no invisible points, unused revisions, drafts or inbox entries."""
    store = data_dir / "store"
    revisions = Revisions(store)
    current = revisions.current()
    assert current is not None
    # Loaded from a writer's copy, because loading may write to the folder.
    with revisions.write_lock():
        revisions.check_out()
        shard = qdrant_edge.EdgeShard.load(str(revisions.working))
        points = shard.count(qdrant_edge.CountRequest(exact=True))
        shard.close()
    assert points == len(stored(data_dir))
    assert current.name in {path.name for path in current.parent.iterdir()}
    assert len(list(current.parent.iterdir())) <= 2
    assert [path.name for path in store.rglob("*draft*")] == []
    entries = [
        path for state in ("queued", "processing", "incoming") for path in (data_dir / "inbox" / state).rglob("*")
    ]
    assert [path.name for path in entries] == []


async def _scroll(store: Path) -> list[Chunk]:
    embedder = Revisions(store).embedder()
    if embedder is None:
        return []
    async with open_edge_reader(store, embedder) as reader:
        return [chunk async for chunk in reader.scroll(SCOPE)]
