"""A TCP proxy in front of one address or several, whose connections can break, or fall silent as after a power cut."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from tests.support.servers.redis_server import free_port


class TcpProxy:
    """Forwards each connection to the next address that accepts it, and keeps its own port over an outage."""

    def __init__(self, targets: Sequence[tuple[str, int]]) -> None:
        self._targets = deque(targets)
        self.port = free_port()
        self._server: asyncio.Server | None = None
        self._pairs: list[_Pair] = []

    @property
    def connections(self) -> int:
        """Number of connections so far."""
        return len(self._pairs)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Refuse new connections and break the others."""
        if self._server:
            self._server.close()
        for pair in self._pairs:
            pair.abort()
        await asyncio.gather(*(pair.wait() for pair in self._pairs))

    def silence(self) -> None:
        """Forward nothing more on the connections of now, and keep them open. New ones work."""
        for pair in self._pairs:
            pair.is_silent = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = _Pair(writer)
        self._pairs.append(pair)
        for _ in range(len(self._targets)):
            self._targets.rotate(-1)
            with suppress(OSError):
                far = await asyncio.open_connection(*self._targets[0])
                await pair.forward(reader, *far)
                return
        pair.abort()


class _Pair:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.is_silent = False
        self._writers = [writer]
        self._ended = asyncio.Event()

    async def forward(
        self, reader: asyncio.StreamReader, far_reader: asyncio.StreamReader, far_writer: asyncio.StreamWriter
    ) -> None:
        self._writers.append(far_writer)
        try:
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, self._writers[0]))
        finally:
            self.abort()
            self._ended.set()

    def abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def wait(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), 1)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(1 << 16):
                if not self.is_silent:
                    writer.write(piece)
                    await writer.drain()
        if not self.is_silent:
            writer.transport.abort()


@asynccontextmanager
async def open_tcp_proxy(port: int, host: str = "127.0.0.1") -> AsyncIterator[TcpProxy]:
    async with open_balancer([(host, port)]) as proxy:
        yield proxy


@asynccontextmanager
async def open_balancer(targets: Sequence[tuple[str, int]]) -> AsyncIterator[TcpProxy]:
    """Run one address in front of several nodes, as a Service of Kubernetes is."""
    proxy = TcpProxy(targets)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
