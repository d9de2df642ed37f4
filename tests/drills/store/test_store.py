"""A lost node, restarts and a rotated key of Qdrant bury no document, in short forms of the drill."""

import pytest

from tests.drills.store.cluster import open_stand_in
from tests.drills.store.scenarios import faults_of, lose_a_node, restart_all, rotate_the_key, start_six_writers

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("restarts", [False, True], ids=["a lost node", "a restarted node"])
async def test_no_document_is_lost_or_buried_while_a_node_is_away(data_dir, restarts):
    async with open_stand_in() as cluster:
        cluster.restarts = restarts
        drill = restart_all if restarts else lose_a_node
        night = await drill(cluster, data_dir, documents=12, away=3)
    assert not faults_of(night, may_fail=restarts), night


async def test_a_rotated_key_buries_no_document(data_dir):
    async with open_stand_in() as cluster:
        night = await rotate_the_key(cluster, data_dir, documents=12, away=3)
    assert not faults_of(night, may_fail=True), night


async def test_six_writers_start_at_once_on_an_empty_cluster():
    async with open_stand_in() as cluster:
        assert await start_six_writers(cluster, rounds=2) == 0
