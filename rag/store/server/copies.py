"""Waits until a collection that was just created or filled is complete on every node that holds a part of it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

from qdrant_client import AsyncQdrantClient, models

from rag.errors import Unavailable
from rag.store.server.answers import translated_errors

_POLL_SECONDS = 0.5
# The copies of a new collection become active within seconds, if all nodes run.
_COPIES_SECONDS = 120.0
# The server builds the graph of a million passages in about half an hour, and of five million in three.
_GRAPH_SECONDS = 6 * 3600.0


async def wait_for_copies(client: AsyncQdrantClient, collection: str, *, nodes: int) -> None:
    """Wait until each shard has all of its copies active on different nodes; raises `Unavailable` after two minutes."""
    await _wait_until_found(lambda: find_missing_copies(client, collection, nodes=nodes), collection, _COPIES_SECONDS)


async def wait_until_searchable(
    client: AsyncQdrantClient, collection: str, *, nodes: int, limit: float = _GRAPH_SECONDS
) -> None:
    """Wait until each shard has all of its copies active, and the graph is built.

    Raises `Unavailable` that names what is missing if that takes longer than `limit` seconds.
    """

    async def find_missing() -> str:
        if missing := await find_missing_copies(client, collection, nodes=nodes):
            return missing
        with translated_errors():
            status = (await client.get_collection(collection)).status
        return "the search graph is being built" if status == models.CollectionStatus.YELLOW else ""

    await _wait_until_found(find_missing, collection, limit)


async def find_missing_copies(client: AsyncQdrantClient, collection: str, *, nodes: int) -> str:
    """Return which shard has too few active copies, or an empty string; `nodes` is the expected size of the cluster."""
    with translated_errors():
        described = await client.get_collection(collection)
        cluster = await client.collection_cluster_info(collection)
    copies = [
        *((it.shard_id, cluster.peer_id, it.state) for it in cluster.local_shards),
        *((it.shard_id, it.peer_id, it.state) for it in cluster.remote_shards),
    ]
    # The description repeats what was asked for, and a node never has two copies of a shard. Only the description of
    # the cluster says which copies exist.
    on_nodes = max(nodes, len({node for _, node, _ in copies}))
    wanted = min(described.config.params.replication_factor or 1, on_nodes)
    active = defaultdict[int, set[int]](set)
    for shard, node, state in copies:
        if state == models.ReplicaState.ACTIVE:
            active[shard].add(node)
    for shard in range(described.config.params.shard_number or 1):
        if len(active[shard]) < wanted:
            return f"shard {shard} has {len(active[shard])} of {wanted} active copies"
    return ""


async def _wait_until_found(find_missing: Callable[[], Awaitable[str]], collection: str, limit: float) -> None:
    deadline = time.monotonic() + limit
    while missing := await find_missing():
        if time.monotonic() > deadline:
            raise Unavailable(
                f"The collection {collection} is not complete after {limit:.0f} seconds: {missing}. Check the nodes of "
                "the Qdrant cluster, and run the command again."
            )
        await asyncio.sleep(_POLL_SECONDS)
