"""The form of a shard, what is read from it, and the number of deleted points from which it is vacuumed."""

import json
from typing import Any

import pytest
import qdrant_edge as edge

from rag.store.edge.shard import Shard
from rag.store.edge.store import open_edge_reader, open_edge_writer
from rag.types import DocumentId
from tests.support.contracts.store import DIMENSION, EMBEDDER, OURS, point, put


@pytest.fixture
def shard(tmp_path) -> Shard:
    return Shard.create(tmp_path / "shard", DIMENSION)


def test_a_shard_is_vacuumed_when_more_points_are_deleted_than_left(shard):
    shard.insert(OURS, [point(str(number), document=str(number)) for number in range(400)])
    for number in range(200):
        shard.delete(OURS, DocumentId(str(number)), order=None)
    assert not shard.needs_vacuum()
    shard.delete(OURS, DocumentId("200"), order=None)
    assert shard.needs_vacuum()


@pytest.mark.usefixtures("shard")
def test_a_shard_has_no_write_ahead_log_which_the_engine_could_not_remove_later(tmp_path):
    assert json.loads((tmp_path / "shard" / "edge_config.json").read_text())["wal_enabled"] is False


class Recorded:
    """A shard of the engine that keeps whether scrolls read vectors."""

    def __init__(self, shard: edge.EdgeShard) -> None:
        self._shard = shard
        self.with_vector: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shard, name)

    def scroll(self, request: edge.ScrollRequest) -> Any:
        self.with_vector.append(request.with_vector)
        return self._shard.scroll(request)


async def test_chunks_and_documents_are_listed_without_vectors(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as writer, open_edge_reader(tmp_path, EMBEDDER) as reader:
        await put(writer, OURS, [point("one")])
        await writer.publish()
        reader.refresh()
        for store in (writer, reader):
            recorded = Recorded(store._shard._shard)
            store._shard._shard = recorded  # type: ignore[assignment]
            assert len([it async for it in store.scroll(OURS)]) == 1
            assert len([it async for it in store.documents(OURS)]) == 1
            assert recorded.with_vector == [False, False]
