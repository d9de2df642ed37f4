"""The Qdrant cluster of a drill: real nodes that commands or a person kill and start, or nodes of the stand-in."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from pydantic import HttpUrl

from rag.errors import AccessRefused, GroundworkError, InvalidInput, Unavailable
from rag.settings import ServerStoreSettings
from rag.store.server.backend import ServerBackend
from rag.store.server.connection import nodes_of, open_client, to_node
from rag.store.server.consensus import require_nodes
from tests.support.fakes.qdrant_cluster import QdrantCluster, open_qdrant_cluster
from tests.support.fakes.qdrant_faults import NEW_COLLECTION
from tests.support.fakes.qdrant_rest import open_rest_qdrant
from tests.support.fakes.qdrant_rights import MANAGE, Rights
from tests.support.fakes.tcp_proxy import open_balancer

_KEYS = ("first-key", "second-key")
# A person needs time to kill and start nodes.
_LIMIT_SECONDS = 900.0
_POLL_SECONDS = 0.5
_CONNECT_SECONDS = 2.0


class Cluster(Protocol):
    """What a drill does to the nodes."""

    parts: str
    """What answers, for the report."""
    settings: ServerStoreSettings
    """One address in front of all nodes, as worker and readers use it."""
    nodes: Sequence[str]
    """`HOST:GRPC_PORT` of each node."""

    async def lose(self, node: int) -> None:
        """Kill a node."""

    async def bring_back(self, node: int) -> None:
        """Start a killed node, and wait until it answers."""

    async def rotate(self) -> None:
        """Accept only the next API key from now on."""

    def trouble_writers(self) -> None:
        """Let the first writes to the next collection fail, as a cluster does by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Shell commands with the number of the node as `$NODE`. Where one is empty, a person is asked."""

    kill: str = ""
    start: str = ""
    rotate: str = ""
    next_key: str = ""


@dataclass(kw_only=True)
class RealCluster:
    """Real nodes."""

    settings: ServerStoreSettings
    nodes: Sequence[str]
    commands: Commands
    parts: str = "real nodes"

    async def lose(self, node: int) -> None:
        await _act(self.commands.kill, f"Kill the node at {self.nodes[node]} now.", node)
        await _wait_until(lambda: _is_away(self.nodes[node]), f"the node at {self.nodes[node]} still answers")

    async def bring_back(self, node: int) -> None:
        await _act(self.commands.start, f"Start the node at {self.nodes[node]} now.", node)
        await _wait_until(lambda: _answers(self.settings, self.nodes[node]), f"{self.nodes[node]} does not answer")

    async def rotate(self) -> None:
        await _act(self.commands.rotate, "Make TEST_QDRANT_NEXT_API_KEY the only valid key of all nodes now.", 0)
        await _wait_until(lambda: _is_refused(self.settings), "the first key is still valid")
        self.settings = ServerStoreSettings(**self.settings.model_dump() | {"api_key": self.commands.next_key})

    def trouble_writers(self) -> None:
        pass


@dataclass
class StandIn:
    """Three nodes of the stand-in."""

    cluster: QdrantCluster
    rights: Rights
    settings: ServerStoreSettings
    nodes: Sequence[str]
    parts: str = "the stand-in"

    async def lose(self, node: int) -> None:
        await self.cluster.lose(node)

    async def bring_back(self, node: int) -> None:
        await self.cluster.bring_back(node)

    async def rotate(self) -> None:
        self.rights.grants = {_KEYS[1]: MANAGE}
        self.settings = ServerStoreSettings(**self.settings.model_dump() | {"api_key": _KEYS[1]})

    def trouble_writers(self) -> None:
        self.cluster.nodes[0].faults.answer_with(NEW_COLLECTION, times=5)


@asynccontextmanager
async def open_stand_in() -> AsyncIterator[StandIn]:
    rights = Rights({_KEYS[0]: MANAGE})
    async with (
        open_qdrant_cluster(rights) as cluster,
        open_rest_qdrant("") as rest,
        open_balancer([("127.0.0.1", node.port) for node in cluster.nodes]) as proxy,
    ):
        rest.placement = cluster.nodes[0].placement
        settings = ServerStoreSettings(
            kind="server", url=HttpUrl(rest.url), grpc_port=proxy.port, api_key=_KEYS[0], timeout=2, nodes=3
        )
        yield StandIn(cluster, rights, settings, [f"127.0.0.1:{node.port}" for node in cluster.nodes])


@asynccontextmanager
async def open_real(
    settings: ServerStoreSettings, nodes: Sequence[str], commands: Commands
) -> AsyncIterator[RealCluster]:
    """Check every address, and put one address in front of the nodes if their host name does not do so already.

    Raises `GroundworkError` that names the address which does not answer.
    """
    nodes = list(nodes) or await nodes_of(settings)
    settings = settings.model_copy(update={"nodes": len(nodes)})
    for node in nodes:
        await _require_answer(settings, node)
    async with open_client(settings) as client:
        # A killed node still counts as a member, so this is the size that the cluster has for good.
        await require_nodes(client, len(nodes), seconds=5)
    async with AsyncExitStack() as stack:
        if len(nodes) > 1 and settings.url.scheme == "http" and len(await nodes_of(settings)) == 1:
            host, port = settings.url.host or "", settings.url.port or 80
            rest = await stack.enter_async_context(open_balancer([(host.strip("[]"), port)]))
            grpc = await stack.enter_async_context(open_balancer([_to_pair(node) for node in nodes]))
            url = HttpUrl(f"http://127.0.0.1:{rest.port}")
            settings = settings.model_copy(update={"url": url, "grpc_port": grpc.port})
        yield RealCluster(settings=settings, nodes=nodes, commands=commands)


async def _require_answer(settings: ServerStoreSettings, node: str) -> None:
    try:
        await ServerBackend(to_node(settings, node)).embedder()
    except GroundworkError as error:
        raise InvalidInput(f"The node {node} of TEST_QDRANT_NODES: {error.describe()}") from error


def _to_pair(node: str) -> tuple[str, int]:
    host, _, port = node.rpartition(":")
    return host.strip("[]"), int(port)


async def _act(command: str, request: str, node: int) -> None:
    if not command:
        sys.stderr.write(f"{request} This program waits until it is done.\n")
        return
    process = await asyncio.create_subprocess_shell(command, env=os.environ | {"NODE": str(node)})
    if status := await process.wait():
        raise Unavailable(f"The command for node {node} ended with status {status}: {command}")


async def _wait_until(is_met: Callable[[], Awaitable[bool]], still: str) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not await is_met():
        if time.monotonic() > deadline:
            raise Unavailable(f"After {_LIMIT_SECONDS:.0f} seconds {still}.")
        await asyncio.sleep(_POLL_SECONDS)


async def _is_away(node: str) -> bool:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(*_to_pair(node))
    except OSError:
        return True
    writer.close()
    return False


async def _answers(settings: ServerStoreSettings, node: str) -> bool:
    try:
        async with open_client(to_node(settings, node)):
            return True
    except GroundworkError:
        return False


async def _is_refused(settings: ServerStoreSettings) -> bool:
    try:
        await ServerBackend(settings).embedder()
    except AccessRefused:
        return True
    except GroundworkError:
        return False
    return False
