"""The real application on a real server in this process, with a scripted answerer behind the port."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn
from prometheus_client import REGISTRY
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from rag.state.base import State
from rag.state.factory import open_state
from rag.types import EmbedderIdentity
from service.answering.conversations import Conversations
from service.answering.events import Event, Inquiry
from service.answering.explanations import Explanations
from service.answering.feedback import FeedbackLog
from service.app import create_app
from service.auth.keys import Keys
from service.http.draining import DrainingServer
from service.prompting.choosing import AnswerPrompts
from service.prompting.folder import PACKAGED, FolderPrompts
from service.settings import AnsweringSettings, Settings

QUESTION = {"question": "How does it end?"}
Script = Callable[[], AsyncGenerator[Event]]


class ScriptedAnswerer:
    """An answerer whose events each test writes."""

    def __init__(self) -> None:
        self.script: Script | None = None
        self.inquiries: list[Inquiry] = []
        self.is_working = asyncio.Event()
        self.is_closed = asyncio.Event()

    async def answer(self, inquiry: Inquiry) -> AsyncGenerator[Event]:
        assert self.script is not None
        self.inquiries.append(inquiry)
        self.is_working.set()
        try:
            async with contextlib.aclosing(self.script()) as events:
                async for event in events:
                    yield event
        finally:
            self.is_closed.set()


class Served:
    """The running application, its answerer, and what it has logged and counted."""

    def __init__(self, url: str, answerer: ScriptedAnswerer, server: DrainingServer, lines: list[dict]) -> None:
        self.url = url
        self.answerer = answerer
        self.server = server
        self.lines = lines
        self.http = httpx.AsyncClient(base_url=url, timeout=60)
        self._before = self._counts()

    async def ask(self, script: Script, *, stream: bool = False, **more: str) -> httpx.Response:
        self.answerer.script = script
        return await self.http.post("/v1/answers", json=QUESTION | {"stream": stream} | more)

    async def logged(self, event: str) -> list[dict]:
        """Return the lines of this event, after the line of the request that ends the story."""
        async with asyncio.timeout(60):
            while not any(line["event"] == "request" for line in self.lines):  # noqa: ASYNC110 - a list
                await asyncio.sleep(0.01)
        return [line for line in self.lines if line["event"] == event]

    def counted(self) -> dict[str, float]:
        """Return the outcomes that were counted since the start."""
        grown = {outcome: count - self._before.get(outcome, 0) for outcome, count in self._counts().items()}
        return {outcome: count for outcome, count in grown.items() if count}

    @staticmethod
    def _counts() -> dict[str, float]:
        counts: dict[str, float] = {}
        for metric in REGISTRY.collect():
            for sample in metric.samples:
                if sample.name == "rag_requests_total":
                    outcome = sample.labels["outcome"]
                    counts[outcome] = counts.get(outcome, 0) + sample.value
        return counts


def events_of(body: str) -> list[tuple[str, Any]]:
    """Return the name and the data of each event of a stream. A comment has the name `comment`."""
    events: list[tuple[str, Any]] = []
    for block in body.split("\n\n")[:-1]:
        if block.startswith(":"):
            events.append(("comment", None))
        else:
            name, data = (line.split(": ", 1)[1] for line in block.split("\n"))
            events.append((name, json.loads(data)))
    return events


@pytest.fixture
def settings(tmp_path) -> Settings:
    answering = AnsweringSettings(stream_after_seconds=60, first_text_seconds=60)
    return Settings(data_dir=tmp_path, drain_seconds=0, answering=answering)


@pytest.fixture
async def state(settings) -> AsyncIterator[State]:
    async with open_state(settings.state, path=settings.state_file) as opened:
        yield opened


@pytest.fixture
async def served(settings, state) -> AsyncIterator[Served]:
    answerer = ScriptedAnswerer()
    store = SimpleNamespace(revision="1")
    embedder = EmbedderIdentity(model="none", dimension=1)
    feedback = FeedbackLog(state, settings.feedback)
    resources: Any = SimpleNamespace(
        settings=settings,
        keys=Keys(settings.keys_file, allow_anonymous=True),
        answerer=answerer,
        explanations=Explanations(settings.explanations, embedder, store, feedback),
        conversations=Conversations(state, settings.conversations),
        feedback=feedback,
        prompts=AnswerPrompts(await FolderPrompts(PACKAGED).load("answer"), settings.prompt),
        stopping=asyncio.Event(),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(resources), log_config=None, access_log=False)
    server = DrainingServer(config, resources, _say_nothing)
    url = f"http://localhost:{listener.getsockname()[1]}"
    with capture_logs([merge_contextvars]) as lines:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        running = Served(url, answerer, server, lines)
        async with running.http:
            yield running
        server.should_exit = True
        await serving


async def _say_nothing() -> None:
    pass
