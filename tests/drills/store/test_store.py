"""A lost node, restarts, restores and a rotated key of Qdrant bury no document, in short forms of the drill."""

import pytest

from tests.drills.store.cluster import Commands, open_real, open_stand_in
from tests.drills.store.scenarios import (
    faults_of,
    lose_a_node,
    restart_all,
    restore_often,
    rotate_the_key,
    start_writers,
)
from tests.support.servers.qdrant_server import NODES, URL, drop_collections, real_qdrant

pytestmark = pytest.mark.slow


@pytest.fixture
async def stand_in():
    async with open_stand_in() as opened:
        yield opened


@pytest.fixture
async def cluster():
    """Yield the real cluster if there is one, for what harms no node."""
    if URL is None:
        async with open_stand_in() as opened:
            yield opened
        return
    async with open_real(real_qdrant("drill"), NODES, Commands()) as opened:
        yield opened
        await drop_collections(opened.settings)


async def test_a_queue_is_ingested_without_the_lost_node(stand_in, data_dir):
    night = await lose_a_node(stand_in, data_dir, documents=12)
    assert not faults_of(night), night


async def test_restarts_of_all_nodes_bury_no_document_and_no_question_waits(stand_in, data_dir):
    night = await restart_all(stand_in, data_dir, documents=12, away=1)
    assert not faults_of(night), night
    assert night.questions > 10


# It waits a minute for documents that the worker set back. test_session.py refuses the key of the embedder.
@pytest.mark.nightly
async def test_a_rotated_key_buries_no_document(stand_in, data_dir):
    night = await rotate_the_key(stand_in, data_dir, documents=12, away=3)
    assert not faults_of(night), night


async def test_six_writers_start_at_once_on_an_empty_cluster(cluster):
    assert await start_writers(cluster, rounds=2) == (12, 0)


async def test_every_restore_ends_with_every_copy_active(cluster, tmp_path):
    assert await restore_often(cluster, tmp_path, times=2) == 2
