"""Small servers on loopback for faults that real servers do not produce on demand."""

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import TypeVar

from aiohttp import web

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# A server that stops waits a minute for its open responses.
_SECONDS = 120


@asynccontextmanager
async def open_app(app: web.Application, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve an application on a free port of loopback and yield its base URL."""
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=512, ssl_context=tls).start()
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        yield f"{scheme}://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve(path: str, handler: Handler, method: str = "POST") -> AsyncIterator[str]:
    """Serve one method and path and yield the base URL."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app = web.Application()
    app.router.add_route(method, path, handle)
    async with open_app(app) as url:
        yield url


@contextmanager
def in_thread(serving: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Run an asynchronous server in a thread with its own event loop, for synchronous tests."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(_SECONDS)
    finally:
        asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class ModelServer:
    """An OpenAI-compatible chat server that streams the given pieces and records requests."""

    def __init__(self, pieces: list[str], *, gap: float = 0.0, ending: bytes | None = None) -> None:
        self.pieces = pieces
        self.gap = gap
        self.ending = ending
        self.requests: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.sent = 0
        self.left_by_client = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for piece in self.pieces:
                event = {"choices": [{"delta": {"content": piece}}]}
                await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
                self.sent += 1
                await asyncio.sleep(self.gap)
            await response.write(self.ending if self.ending is not None else self._usage())
        except (ConnectionResetError, asyncio.CancelledError):
            self.left_by_client.set()
            raise
        return response

    def _usage(self) -> bytes:
        end = {"id": "chat-1", "model": "served", "choices": [{"delta": {}, "finish_reason": "stop"}]}
        usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(self.pieces)}}
        return (
            b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in (end, usage)) + b"data: [DONE]\n\n"
        )


class JudgeServer:
    """A model server that calculates each answer from the prompt."""

    def __init__(self, decide: Callable[[str], str], *, gap: float = 0.0) -> None:
        self._decide = decide
        self._gap = gap
        self.requests: list[dict] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        answer = self._decide(self.requests[-1]["messages"][1]["content"])
        await asyncio.sleep(self._gap)
        return await ModelServer([answer])(request)


def verdict(label: str) -> str:
    return json.dumps({"reason": "Because.", "verdict": label})


def answering(status: int, body: str) -> Handler:
    """Return a handler that sends the same response to every request."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    return handler
