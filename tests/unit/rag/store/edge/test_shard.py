"""The form of a shard, and the number of deleted points from which it is vacuumed."""

import json

import pytest

from rag.store.edge.shard import Shard
from rag.types import DocumentId
from tests.support.contracts.store import DIMENSION, OURS, point


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
