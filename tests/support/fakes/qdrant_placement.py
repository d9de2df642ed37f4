"""Where the stand-in Qdrant cluster keeps the copies of each shard, as a real cluster of version 1.19 does.

A new collection gets its copies on the nodes that have joined by then, one for each node at most, and never more later.
Its description repeats the wanted number all the same.
"""

import asyncio
from dataclasses import dataclass, field

from qdrant_client import grpc as wire


@dataclass(slots=True)
class Placement:
    """The nodes of a cluster, and the state of each copy by collection, shard and node."""

    nodes: int = 1
    shards: int = 1
    """Shards of a collection whose creator names no number."""
    copies: int = 1
    """Copies of each shard, where the creator names no number."""
    first: int = wire.ReplicaState.Active
    """State of the copies of a new collection."""
    states: dict[str, dict[tuple[int, int], int]] = field(default_factory=dict)
    described: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has asked where the copies are."""

    def place(self, request: wire.CreateCollection) -> None:
        copies = min(request.replication_factor or self.copies, self.nodes)
        self.states[request.collection_name] = {
            (shard, (shard + copy) % self.nodes): self.first
            for shard in range(request.shard_number or self.shards)
            for copy in range(copies)
        }

    def params_of(self, request: wire.CreateCollection) -> wire.CollectionParams:
        return wire.CollectionParams(
            shard_number=request.shard_number or self.shards,
            replication_factor=request.replication_factor or self.copies,
            vectors_config=request.vectors_config,
        )

    def mark(self, node: int, state: int) -> None:
        """Give every copy of a node this state."""
        for states in self.states.values():
            states.update({place: state for place in states if place[1] == node})

    def describe(self, collection: str, *, points: int = 0, node: int = 0) -> wire.CollectionClusterInfoResponse:
        """Return what one node says about the copies of a collection, whose points are spread evenly."""
        self.described.set()
        states = self.states[collection]
        shards = len({shard for shard, _ in states})
        return wire.CollectionClusterInfoResponse(
            peer_id=node,
            shard_count=shards,
            local_shards=[
                wire.LocalShardInfo(shard_id=shard, points_count=(points + shards - 1 - shard) // shards, state=state)
                for (shard, at), state in states.items()
                if at == node
            ],
            remote_shards=[
                wire.RemoteShardInfo(shard_id=shard, peer_id=at, state=state)
                for (shard, at), state in states.items()
                if at != node
            ],
        )
