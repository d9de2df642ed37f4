"""The service with a failing model server: a status before the first byte, an error event after it."""

import asyncio
import json
import re
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from tests.support.fakes.servers import Handler, ModelServer, answering, in_thread, serve
from tests.support.programs import Service, service
from tests.support.waiting import wait_until

QUESTION = "What does error E1234 mean?"


class SwitchedModel:
    """A model server whose behaviour each test sets."""

    def __init__(self) -> None:
        self.handler: Handler = answering(500, "not set")

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        return await self.handler(request)


class SilentModel(ModelServer):
    """A model server that accepts a request and sends nothing."""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.left_by_client.set()
            raise
        raise AssertionError("nothing has stopped the request")


@pytest.fixture(scope="module")
def model() -> SwitchedModel:
    return SwitchedModel()


@pytest.fixture(scope="module")
def model_settings(model) -> Iterator[dict[str, str]]:
    with in_thread(serve("/v1/chat/completions", model)) as url:
        yield {
            "RAG_GENERATOR__KIND": "openai",
            "RAG_GENERATOR__URL": f"{url}/v1",
            "RAG_GENERATOR__MODEL": "fake",
            "RAG_WORKER": "none",
        }


@pytest.fixture(scope="module")
def filled(ingested, handbook) -> Path:
    return ingested(handbook)


@pytest.fixture(scope="module")
def served(filled, model_settings) -> Iterator[Service]:
    """One service for all tests that need no settings of their own."""
    with service(filled, **model_settings) as running:
        yield running


def requests_of(running: Service, outcome: str) -> float:
    metrics = running.http.get("/metrics").text
    sample = rf'^rag_requests_total\{{outcome="{outcome}",route="/v1/answers"\}} (\S+)$'
    return float(re.search(sample, metrics, re.MULTILINE)[1])


def test_a_model_server_that_fails_gives_a_503_with_a_sentence(served, model):
    model.handler = answering(500, "out of memory")
    for stream in (True, False):
        response = served.ask(QUESTION, stream=stream)
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        assert "Retry-After" in response.headers
        assert "model server" in response.json()["detail"]
    assert served.ask(QUESTION, mode="quote").status_code == 200


def test_an_unreadable_answer_is_a_502_before_the_first_byte_and_an_error_event_after_it(served, model):
    model.handler = broken = ModelServer(["The oil"], ending=b"data: {garbage\n\n")
    before = requests_of(served, "error")
    kinds = [event for _, event, _ in served.stream(QUESTION)]
    assert kinds == ["sources", "token", "error"]
    # The status was 200 by then. The request counts as an error all the same.
    wait_until(lambda: requests_of(served, "error") == before + 1)
    broken.pieces = []
    assert served.ask(QUESTION).status_code == 502


def test_generation_stops_when_the_client_leaves(served, model):
    model.handler = talking = ModelServer(["word "] * 20_000, gap=0.01)  # For minutes.
    stream = served.stream(QUESTION)
    for _ in range(5):
        next(stream)
    stream.close()
    wait_until(talking.left_by_client.is_set)


@pytest.mark.parametrize("stream", [True, False])
def test_generation_stops_when_the_client_leaves_before_the_first_piece(served, model, stream):
    model.handler = silent = SilentModel([])
    with socket.create_connection(("127.0.0.1", httpx.URL(served.url).port)) as client:
        client.sendall(_post("/v1/answers", {"question": QUESTION, "stream": stream}))
        wait_until(partial(bool, silent.requests))
    wait_until(silent.left_by_client.is_set)


def test_more_questions_than_fit_are_refused_and_the_service_stays_alive(filled, model, model_settings):
    model.handler = talking = ModelServer(["word "] * 10_000, gap=0.05)  # Until its pieces are taken away.
    limits = {"RAG_GENERATOR__CONCURRENCY": "1", "RAG_ANSWERING__WAITING": "1"}
    with service(filled, **model_settings, **limits) as running:
        answers: list[httpx.Response] = []
        threads = [threading.Thread(target=lambda: answers.append(running.ask(QUESTION))) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert running.http.get("/livez").status_code == 200
        wait_until(lambda: len(answers) == 2)
        del talking.pieces[1:]
        for thread in threads:
            thread.join()
        assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429]
        overloaded = [answer for answer in answers if answer.status_code == 429]
        assert all(answer.headers["Retry-After"].isdecimal() for answer in overloaded)
        assert all(answer.json()["retryable"] for answer in overloaded)
        wait_until(lambda: requests_of(running, "overloaded") == 2)


def _post(path: str, body: dict) -> bytes:
    """Return a request for a bare socket, which a test can close at a chosen moment."""
    content = json.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n{content}".encode()
