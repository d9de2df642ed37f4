"""Three nodes of the stand-in Qdrant, with three copies of everything, of which two must confirm a write."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from qdrant_client import grpc as wire

from tests.support.fakes.qdrant import QdrantServer, open_qdrant
from tests.support.fakes.qdrant_faults import LOST_NODE

_NODES = 3
# For about half a second after the loss of a node, until the others mark its copies as dead.
_FAILED_WRITES = 5


@dataclass(frozen=True, slots=True)
class QdrantCluster:
    """Nodes that can be lost. One of them at a time, because two of three are needed for everything."""

    nodes: list[QdrantServer]

    async def lose(self, node: int) -> None:
        """Stop a node. The first writes after it fail and are applied in part, then writing goes on without it."""
        await self.nodes[node].stop()
        self.nodes[node].placement.mark(node, wire.ReplicaState.Dead)
        self.nodes[node].faults.answer_with(LOST_NODE, times=_FAILED_WRITES)

    async def bring_back(self, node: int) -> None:
        """Start a lost node, which catches up."""
        await self.nodes[node].start()
        self.nodes[node].placement.mark(node, wire.ReplicaState.Active)


@asynccontextmanager
async def open_qdrant_cluster(*interceptors: grpc.aio.ServerInterceptor) -> AsyncIterator[QdrantCluster]:
    async with open_qdrant(*interceptors) as first:
        first.placement.nodes = first.placement.copies = _NODES
        nodes = [first, *(first.join(node) for node in range(1, _NODES))]
        try:
            for node in nodes[1:]:
                await node.start()
            yield QdrantCluster(nodes)
        finally:
            for node in nodes[1:]:
                await node.stop()
