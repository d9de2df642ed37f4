"""Server-sent events: their format, and a response that stays alive while the application has nothing to say."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

EVENT_STREAM = "text/event-stream"

# Proxies close a connection that was silent for 30 to 60 s.
_PAUSE_SECONDS = 10.0
_COMMENT = b": still working\n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def to_event(name: str, data: str) -> str:
    """Return one event in the format of server-sent events."""
    return f"event: {name}\n{to_data(data)}"


def to_data(data: str) -> str:
    """Return one event without a name."""
    return f"data: {data}\n\n"


class EventStreamResponse(StreamingResponse):
    """A stream of events, with a comment whenever none was sent for some time. Clients ignore comments."""

    media_type = EVENT_STREAM

    def __init__(
        self,
        events: AsyncGenerator[str],
        *,
        when_ended: Callable[[], Awaitable[None]],
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        """`when_ended` closes what the events come from. It is awaited even if none of them was read."""
        super().__init__(events, headers=_HEADERS)
        self._when_ended = when_ended
        self._pause_seconds = pause_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # Not by the generator of the events: if the client leaves before it starts, its `finally` block never runs.
            await self._when_ended()

    async def stream_response(self, send: Send) -> None:
        """Send the events and the comments."""
        sent_at = time.monotonic()

        async def send_and_note(message: Message) -> None:
            nonlocal sent_at
            sent_at = time.monotonic()
            if not message.get("more_body", True):
                comments.cancel()  # A slow client may take long to receive the end, and nothing may follow it.
            await send(message)

        async def keep_alive() -> None:
            while True:
                await asyncio.sleep(self._pause_seconds - (time.monotonic() - sent_at))
                if time.monotonic() - sent_at >= self._pause_seconds:
                    await send_and_note({"type": "http.response.body", "body": _COMMENT, "more_body": True})

        comments = asyncio.create_task(keep_alive())
        try:
            await super().stream_response(send_and_note)
        finally:
            comments.cancel()
