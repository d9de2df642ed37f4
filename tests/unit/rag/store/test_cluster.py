"""A collection is created on a cluster that is complete, and every copy of it can be written."""

import asyncio

import pytest
import structlog
from pydantic import HttpUrl
from qdrant_client import grpc as wire

from rag.errors import Unavailable
from rag.settings import ServerStoreSettings
from rag.store.server.collections import Collections
from rag.store.server.connection import open_client
from rag.store.server.consensus import require_nodes
from rag.store.server.copies import find_missing_copies, wait_until_searchable
from tests.support.contracts.store import EMBEDDER
from tests.support.fakes.qdrant import open_qdrant
from tests.support.fakes.qdrant_faults import SLOW_CHANGE, SLOW_DELETION
from tests.support.fakes.qdrant_rest import open_rest_qdrant


@pytest.fixture
async def server():
    async with open_qdrant() as opened:
        opened.placement.nodes, opened.placement.copies = 3, 2
        yield opened


@pytest.fixture
async def rest(server):
    """Answer which nodes have joined, which Qdrant tells over REST only."""
    async with open_rest_qdrant("") as opened:
        opened.placement = server.placement
        yield opened


@pytest.fixture
async def client(server, rest):
    settings = ServerStoreSettings(kind="server", url=HttpUrl(rest.url), grpc_port=server.port)
    async with open_client(settings) as opened:
        yield opened


async def test_a_collection_is_created_when_the_expected_nodes_have_joined(server, rest, client):
    server.placement.nodes = 1
    opening = asyncio.create_task(Collections(client, "docs", nodes=3).open(EMBEDDER))
    await asyncio.wait_for(rest.asked.wait(), 60)
    assert server.created == {}
    server.placement.nodes = 3
    assert await opening == "docs-1"
    assert server.placement.states["docs-1"] == {(0, 0): wire.ReplicaState.Active, (0, 1): wire.ReplicaState.Active}


async def test_a_cluster_that_stays_incomplete_is_named_with_its_setting(server, client):
    server.placement.nodes = 2
    with pytest.raises(Unavailable, match=r"Only 2 of 3 nodes have joined .* decrease RAG_STORE__NODES"):
        await require_nodes(client, 3, seconds=0)


async def test_a_new_collection_is_used_when_every_copy_is_active(server, client):
    server.placement.first = wire.ReplicaState.Initializing
    opening = asyncio.create_task(Collections(client, "docs", nodes=3).open(EMBEDDER))
    await asyncio.wait_for(server.placement.described.wait(), 60)
    assert not opening.done()
    assert await Collections(client, "docs").current() is None, "no reader finds the collection yet"
    server.placement.states["docs-1"] = dict.fromkeys(server.placement.states["docs-1"], wire.ReplicaState.Active)
    assert await opening == "docs-1"
    assert await Collections(client, "docs").current() == "docs-1"


async def test_a_collection_whose_graph_is_being_built_can_be_filled_further(server, client):
    collections = Collections(client, "docs", nodes=3)
    await collections.create("docs-1", EMBEDDER)
    server.status = wire.CollectionStatus.Yellow
    await collections.create("docs-1", EMBEDDER)
    with pytest.raises(Unavailable, match="the search graph is being built"):
        await wait_until_searchable(client, "docs-1", nodes=3, limit=0)


@pytest.mark.parametrize("nodes", [1, 2])
async def test_a_cluster_of_fewer_nodes_than_copies_is_complete_with_one_copy_on_each(server, client, nodes):
    server.placement.nodes, server.placement.copies = nodes, 3
    await Collections(client, "docs", nodes=nodes).open(EMBEDDER)
    assert len(server.placement.states["docs-1"]) == nodes
    assert await find_missing_copies(client, "docs-1", nodes=nodes) == ""
    assert await find_missing_copies(client, "docs-1", nodes=3) == f"shard 0 has {nodes} of 3 active copies"


async def test_a_copy_that_is_missing_of_any_shard_is_named(server, client):
    server.placement.shards = 2
    await Collections(client, "docs", nodes=3).open(EMBEDDER)
    assert await find_missing_copies(client, "docs-1", nodes=3) == ""
    server.placement.states["docs-1"][1, 1] = wire.ReplicaState.Dead
    assert await find_missing_copies(client, "docs-1", nodes=3) == "shard 1 has 1 of 2 active copies"


async def test_an_existing_collection_is_opened_while_a_node_is_away(server, rest, client):
    await Collections(client, "docs", nodes=3).open(EMBEDDER)
    rest.asked.clear()
    server.placement.nodes = 2
    server.placement.states["docs-1"][0, 1] = wire.ReplicaState.Dead
    assert await Collections(client, "docs", nodes=3).open(EMBEDDER) == "docs-1"
    assert not rest.asked.is_set()


@pytest.mark.parametrize("copies", [1, 3])
async def test_a_cluster_that_keeps_one_copy_of_new_collections_is_named_in_the_log(server, client, copies):
    server.placement.copies = copies
    with structlog.testing.capture_logs() as logs:
        await Collections(client, "docs", nodes=3).open(EMBEDDER)
    assert ["collection_has_one_copy" in str(it["event"]) for it in logs] == [True] * (copies == 1)


async def test_a_single_server_is_not_asked_for_nodes(server, rest, client):
    server.placement.nodes = server.placement.copies = 1
    assert await Collections(client, "docs").open(EMBEDDER) == "docs-1"
    assert not rest.asked.is_set()


async def test_changes_that_were_made_although_their_answers_are_errors_are_not_made_again(server, client):
    server.faults.answer_with(SLOW_CHANGE, times=3)
    assert await Collections(client, "docs").open(EMBEDDER) == "docs-1"
    # The creation of the collection and that of its alias.
    assert server.faults.answered == 2


async def test_a_collection_that_was_removed_although_the_answer_is_an_error_is_not_removed_again(server, client):
    collections = Collections(client, "docs")
    await collections.create("docs-1", EMBEDDER)
    server.faults.answer_with(SLOW_DELETION, times=1)
    await asyncio.wait_for(collections.drop("docs-1"), 60)
    assert server.created == {}
