"""Waits until a collection that was just filled is searchable on every node that holds a part of it."""

import asyncio
import time
from collections import defaultdict
from typing import Final

from qdrant_client import AsyncQdrantClient, models

from rag.errors import Unavailable
from rag.store.server.answers import translated_errors

_POLL_SECONDS: Final = 0.5
# The server builds the graph of a million passages in about half an hour, and of five million in three.
_LIMIT_SECONDS: Final = 6 * 3600.0


async def wait_until_searchable(client: AsyncQdrantClient, collection: str, *, limit: float = _LIMIT_SECONDS) -> None:
    """Wait until each shard has all of its copies active on different nodes, and the graph is built.

    Raises `Unavailable` that names what is missing if that takes longer than `limit` seconds.
    """
    deadline = time.monotonic() + limit
    while missing := await find_missing(client, collection):
        if time.monotonic() > deadline:
            raise Unavailable(
                f"The collection {collection} is not complete after {limit:.0f} seconds: {missing}. Check the nodes of "
                "the Qdrant cluster, and run the command again."
            )
        await asyncio.sleep(_POLL_SECONDS)


async def find_missing(client: AsyncQdrantClient, collection: str) -> str:
    """Return what the collection lacks, or an empty string."""
    with translated_errors():
        described = await client.get_collection(collection)
        cluster = await client.collection_cluster_info(collection)
    # The description repeats what was asked for. Only the description of the cluster says which copies exist.
    wanted, shards = described.config.params.replication_factor or 1, described.config.params.shard_number or 1
    nodes = defaultdict[int, set[int]](set)
    for shard, node, state in [
        *((it.shard_id, cluster.peer_id, it.state) for it in cluster.local_shards),
        *((it.shard_id, it.peer_id, it.state) for it in cluster.remote_shards),
    ]:
        if state == models.ReplicaState.ACTIVE:
            nodes[shard].add(node)
    for shard in range(shards):
        if len(nodes[shard]) < wanted:
            return f"shard {shard} has {len(nodes[shard])} of {wanted} active copies"
    return "the search graph is being built" if described.status == models.CollectionStatus.YELLOW else ""
