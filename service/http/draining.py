"""How the server stops: first it is no longer ready, then it takes no more, and what runs may end."""

import asyncio
import signal
import socket
import time
from types import FrameType

import uvicorn

from service.resources import Resources

_LOOK_SECONDS = 0.1


class DrainingServer(uvicorn.Server):
    """uvicorn's, which on SIGTERM goes on answering for a while, so that a load balancer can notice first."""

    def __init__(self, config: uvicorn.Config, resources: Resources) -> None:
        super().__init__(config)
        self._stopping = resources.stopping
        self._delay = resources.settings.drain_delay_seconds
        self._hurried = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Ctrl-C comes from a person who waits; a second signal of any kind from somebody who has waited enough.
        self._hurried = self.should_exit or sig == signal.SIGINT
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """`/readyz` says no from now on; each answer closes its connection, so that none is idle when the end comes."""
        self._stopping.set()
        self.server_state.default_headers.append((b"connection", b"close"))
        end = time.monotonic() + self._delay
        while not self._hurried and time.monotonic() < end:  # noqa: ASYNC110 - a signal's handler wakes no loop
            await asyncio.sleep(_LOOK_SECONDS)
        await super().shutdown(sockets)
