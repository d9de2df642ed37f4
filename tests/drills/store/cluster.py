"""The Qdrant servers of a drill: real nodes that commands of the operator kill and start, or the stand-in."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rag.settings import ServerStoreSettings
from tests.support.fakes.qdrant import QdrantServer, open_qdrant
from tests.support.fakes.qdrant_faults import LOST_NODE, NEW_COLLECTION
from tests.support.fakes.qdrant_rights import MANAGE, Rights

_KEYS = ("first-key", "second-key")


class Cluster(Protocol):
    """What a drill does to the nodes."""

    settings: ServerStoreSettings
    nodes: Sequence[str]
    """Addresses for `verify`. Empty: those of the host."""

    async def lose(self, node: int) -> None:
        """Kill a node."""

    async def bring_back(self, node: int) -> None:
        """Start a killed node, and wait until it is ready."""

    async def rotate(self) -> None:
        """Accept only the next API key from now on."""

    def trouble_writers(self) -> None:
        """Let the first writes to the next collection fail, as a cluster does by itself."""


@dataclass(kw_only=True)
class RealCluster:
    """Real nodes. Each command runs in a shell, with the number of the node as `$NODE`."""

    settings: ServerStoreSettings
    nodes: Sequence[str]
    kill: str
    start: str
    rotate_command: str
    next_key: str

    async def lose(self, node: int) -> None:
        await _run(self.kill, node)

    async def bring_back(self, node: int) -> None:
        await _run(self.start, node)

    async def rotate(self) -> None:
        await _run(self.rotate_command, 0)
        self.settings = ServerStoreSettings(**self.settings.model_dump() | {"api_key": self.next_key})

    def trouble_writers(self) -> None:
        pass


@dataclass
class StandIn:
    """The stand-in server: a lost node is its error answer, and a restarted node is a server that is away."""

    server: QdrantServer
    rights: Rights
    settings: ServerStoreSettings
    nodes: Sequence[str] = field(default=())
    restarts: bool = False

    async def lose(self, node: int) -> None:  # noqa: ARG002 - the stand-in has one node
        if self.restarts:
            await self.server.stop()
        else:
            self.server.faults.answer_with(LOST_NODE)

    async def bring_back(self, node: int) -> None:  # noqa: ARG002
        if self.restarts:
            await self.server.start()
        else:
            self.server.faults.answer_with(None)

    async def rotate(self) -> None:
        self.rights.grants = {_KEYS[1]: MANAGE}
        self.settings = ServerStoreSettings(**self.settings.model_dump() | {"api_key": _KEYS[1]})

    def trouble_writers(self) -> None:
        self.server.faults.answer_with(NEW_COLLECTION, times=5)


@asynccontextmanager
async def open_stand_in() -> AsyncIterator[StandIn]:
    rights = Rights({_KEYS[0]: MANAGE})
    async with open_qdrant(rights) as server:
        settings = ServerStoreSettings(
            kind="server", url=f"http://127.0.0.1:{server.port}", grpc_port=server.port, api_key=_KEYS[0], timeout=2
        )
        yield StandIn(server, rights, settings)


async def _run(command: str, node: int) -> None:
    process = await asyncio.create_subprocess_shell(f"NODE={node}; {command}")
    if status := await process.wait():
        raise RuntimeError(f"The command for node {node} ended with status {status}: {command}")
