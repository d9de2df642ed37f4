"""Shutdown in three steps: fail readiness, stop accepting connections, finish running requests."""

import asyncio
import signal
import socket
import time
from types import FrameType

import uvicorn

from service.resources import Resources

_POLL_SECONDS = 0.1


class DrainingServer(uvicorn.Server):
    """A uvicorn server that keeps answering for a while after SIGTERM, until load balancers have noticed."""

    def __init__(self, config: uvicorn.Config, resources: Resources) -> None:
        super().__init__(config)
        self._stopping = resources.stopping
        self._delay = resources.settings.drain_delay_seconds
        self._skip_delay = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Ctrl-C and a second signal come from a person at a terminal. No load balancer has to notice then.
        self._skip_delay = self.should_exit or sig == signal.SIGINT
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Fail `/readyz`, wait for the configured delay, then shut down.

        Responses carry `Connection: close` meanwhile. A client would otherwise reuse a connection that is about to end.
        """
        self._stopping.set()
        self.server_state.default_headers.append((b"connection", b"close"))
        end = time.monotonic() + self._delay
        while not self._skip_delay and time.monotonic() < end:  # noqa: ASYNC110 - a signal handler cannot set an asyncio.Event safely
            await asyncio.sleep(_POLL_SECONDS)
        await super().shutdown(sockets)
