"""A small service that answers questions, with the habits of services that exist: good ones and bad ones."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
from aiohttp import web

from tests.support.fakes.servers import open_app

Ending = Literal["proper", "broken", "silent", "error", "kept open"]
_SILENT_SECONDS = 600


@dataclass(kw_only=True)
class Habits:
    """How the service behaves. The defaults are a service without faults, and without a model."""

    answer: Callable[[str], str] = lambda question: f"About {question}"
    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of the last event, such as sources."""
    streams: bool = True
    ending: Ending = "proper"
    capacity: int = 1000
    """Questions at once; further ones get `busy`."""
    busy: tuple[int, dict[str, str]] = (429, {"Retry-After": "1"})
    takes_documents: bool = False
    model_url: str = ""
    """Address of a model whose text is passed on, in place of `answer`."""
    lets_go: bool = True
    """Whether the call to the model ends when the client leaves."""
    admits_failure: bool = True
    """Whether the client is told that the model failed. Otherwise the answer ends as if it were complete."""
    shows_life: bool = False
    """Whether a stream begins before the model does."""
    patience: float = 600
    """Seconds that the service waits for the model."""


@dataclass
class AnsweringService:
    """A running service, with the questions and documents that it received."""

    habits: Habits
    url: str = ""
    questions: list[str] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict)
    keys: list[str | None] = field(default_factory=list)
    polls: dict[str, int] = field(default_factory=dict)
    _active: int = 0
    _gathers: int = 0
    _gathered: asyncio.Event = field(default_factory=asyncio.Event)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)

    def gather(self, questions: int) -> None:
        """Answer none of the next questions until that many have arrived."""
        self._gathers = len(self.questions) + questions
        self._gathered.clear()

    async def complete(self, request: web.Request) -> web.StreamResponse:
        self.keys.append(request.headers.get("Authorization"))
        body = await request.json()
        question = body["messages"][-1]["content"]
        self.questions.append(question)
        if len(self.questions) >= self._gathers:
            self._gathered.set()
        if self._active >= self.habits.capacity:
            status, headers = self.habits.busy
            return web.Response(status=status, headers=headers)
        self._active += 1
        try:
            await self._gathered.wait()
            return await self._answer(request, question)
        finally:
            self._active -= 1

    async def put(self, request: web.Request) -> web.Response:
        self.documents[request.match_info["name"]] = await request.read()
        return web.json_response({"state": "queued"}, status=202)

    async def get(self, request: web.Request) -> web.Response:
        """Report a document as ready at the second look."""
        name = request.match_info["name"]
        self.polls[name] = self.polls.get(name, 0) + 1
        return web.json_response({"state": "ready" if self.polls[name] > 1 else "queued"})

    async def _answer(self, request: web.Request, question: str) -> web.StreamResponse:
        habits = self.habits
        if habits.model_url:
            return await self._relay(request)
        text = habits.answer(question)
        if not habits.streams:
            message = {"role": "assistant", "content": text}
            return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}], **habits.fields})
        response = await _open(request)
        for word in text.split(" "):
            await _send(response, {"choices": [{"delta": {"content": f"{word} "}}]})
        match habits.ending:
            case "proper" | "kept open":
                await _send(response, {"choices": [{"delta": {}, "finish_reason": "stop"}], **habits.fields})
                await response.write(b"data: [DONE]\n\n")
                await asyncio.sleep(_SILENT_SECONDS if habits.ending == "kept open" else 0)
            case "broken":
                request.transport.abort()
            case "silent":
                await asyncio.sleep(_SILENT_SECONDS)
            case "error":
                await _send(response, {"error": {"message": "The model failed."}})
        return response

    async def _relay(self, request: web.Request) -> web.StreamResponse:
        response = await _open(request)
        if self.habits.shows_life:
            await response.write(b": searching\n\n")
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        call = asyncio.create_task(self._read_model(pieces))
        self._calls.add(call)
        try:
            while (piece := await pieces.get()) is not None:
                await _send(response, {"choices": [{"delta": {"content": piece}}]})
        except (asyncio.CancelledError, ConnectionError):
            if self.habits.lets_go:
                call.cancel()
            raise
        await asyncio.wait([call])
        if call.exception() and self.habits.admits_failure:
            await _send(response, {"error": {"message": "The model failed."}})
        else:
            await response.write(b"data: [DONE]\n\n")
        return response

    async def _read_model(self, pieces: asyncio.Queue[str | None]) -> None:
        """Put the model's text into the queue. Raises what breaks the call."""
        body = {"messages": [{"role": "user", "content": "?"}], "stream": True}
        url = f"{self.habits.model_url}/v1/chat/completions"
        try:
            async with (
                asyncio.timeout(self.habits.patience),
                aiohttp.ClientSession() as session,
                session.post(url, json=body) as response,
            ):
                response.raise_for_status()
                async for line in response.content:
                    if line.startswith(b"data: {"):
                        for choice in json.loads(line.removeprefix(b"data: "))["choices"]:
                            pieces.put_nowait(choice["delta"].get("content") or "")
        finally:
            pieces.put_nowait(None)

    async def end(self) -> None:
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)


@asynccontextmanager
async def serve_answers(habits: Habits, routes: Sequence[web.RouteDef] = ()) -> AsyncIterator[AnsweringService]:
    """Serve `/v1/chat/completions` with the given habits."""
    service = AnsweringService(habits)
    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", service.complete), *routes])
    if habits.takes_documents:
        app.add_routes([web.put("/v1/documents/{name}", service.put), web.get("/v1/documents/{name}", service.get)])
    async with open_app(app) as service.url:
        try:
            yield service
        finally:
            await service.end()


async def _open(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


async def _send(response: web.StreamResponse, body: dict[str, Any]) -> None:
    await response.write(f"data: {json.dumps(body)}\n\n".encode())
