"""What must hold after any fault: every document exactly once and whole, and nothing of what broke off is left."""

import asyncio
from collections import Counter
from pathlib import Path

import qdrant_edge

from rag.store.edge.revisions import Revisions
from rag.store.edge.store import open_edge_reader
from rag.types import Chunk, Scope

SCOPE = Scope(tenant="default")


def stored(data_dir: Path) -> list[Chunk]:
    """What a reader sees now; each document is required to be whole, in one version."""
    chunks = asyncio.run(_scroll(data_dir / "store"))
    require_whole(chunks)
    return chunks


def require_whole(chunks: list[Chunk]) -> None:
    """Each document in one version, and every chunk of it once."""
    by_document: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_document.setdefault(chunk.document_id, []).append(chunk)
    for parts in by_document.values():
        assert {part.version for part in parts} == {parts[0].version}
        assert sorted(part.ordinal for part in parts) == list(range(parts[0].chunk_count))
    assert max(Counter(chunk.id for chunk in chunks).values(), default=1) == 1


def require_each_once(data_dir: Path, documents: int) -> None:
    chunks = stored(data_dir)
    assert len({chunk.document_id for chunk in chunks}) == documents
    require_nothing_left_over(data_dir)


def require_nothing_left_over(data_dir: Path) -> None:
    """No point that is not seen, no folder that nobody points to, no half-written file."""
    store = data_dir / "store"
    revisions = Revisions(store)
    current = revisions.current()
    assert current is not None
    # Loaded from a copy that a writer makes: the published folder is left as it is.
    with revisions.write_lock():
        revisions.check_out()
        shard = qdrant_edge.EdgeShard.load(str(revisions.working))
        points = shard.count(qdrant_edge.CountRequest(exact=True))
        shard.close()
    assert points == len(stored(data_dir))
    assert current.name in {path.name for path in current.parent.iterdir()}
    assert len(list(current.parent.iterdir())) <= 2
    assert [path.name for path in store.rglob("*draft*")] == []
    left = [path for state in ("queued", "processing", "incoming") for path in (data_dir / "inbox" / state).rglob("*")]
    assert [path.name for path in left] == []


async def _scroll(store: Path) -> list[Chunk]:
    embedder = Revisions(store).embedder()
    if embedder is None:
        return []
    async with open_edge_reader(store, embedder) as reader:
        return [chunk async for chunk in reader.scroll(SCOPE)]
