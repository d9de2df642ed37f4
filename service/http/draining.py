"""Shutdown in four steps: fail readiness, stop accepting connections, finish running requests, end the others."""

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from types import FrameType

import uvicorn

from rag.program import end_soon
from service.resources import Resources

_POLL_SECONDS = 0.1
# A person who presses Ctrl-C wants the terminal back, and running answers are for other people.
_SECONDS_AFTER_INTERRUPT = 1
# Time for the requests that are ended to send their errors. uvicorn closes the connections afterwards.
_SECONDS_TO_END = 5


class DrainingServer(uvicorn.Server):
    """A uvicorn server that keeps answering for a while after SIGTERM, until load balancers have noticed."""

    def __init__(
        self, config: uvicorn.Config, resources: Resources, when_started: Callable[[], Awaitable[None]]
    ) -> None:
        """`when_started` is awaited once the server accepts connections."""
        super().__init__(config)
        self._when_started = when_started
        self._stopping = resources.stopping
        self._delay = resources.settings.drain_delay_seconds
        self._drain = resources.settings.drain_seconds
        self._skip_delay = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._when_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Ctrl-C and a second signal come from a person at a terminal. No load balancer has to notice then.
        self._skip_delay = self.should_exit or sig == signal.SIGINT
        if sig == signal.SIGINT:
            self._drain = min(self._drain, _SECONDS_AFTER_INTERRUPT)
            end_soon("service: interrupted.")
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Fail `/readyz`, wait for the configured delay, then shut down. Requests that take too long get an error.

        Responses carry `Connection: close` meanwhile. A client would otherwise reuse a connection that is about to end.
        """
        self._stopping.set()
        self.server_state.default_headers.append((b"connection", b"close"))
        end = time.monotonic() + self._delay
        while not self._skip_delay and time.monotonic() < end:  # noqa: ASYNC110 - a signal handler cannot set an asyncio.Event safely
            await asyncio.sleep(_POLL_SECONDS)
        self.config.timeout_graceful_shutdown = self._drain + _SECONDS_TO_END
        ending = asyncio.get_running_loop().call_later(self._drain, self._end_requests)
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()

    def _end_requests(self) -> None:
        # `ErrorResponses` turns the cancellation into a 503, or into the last event of a stream.
        for task in self.server_state.tasks:
            task.cancel()
