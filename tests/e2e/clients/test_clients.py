"""Clients of OpenAI's API and of MCP against the real service with a key and a stand-in model."""

import json
import re
import socket
import sys
from typing import Any

import pytest

from tests.e2e.clients.conftest import PIECES, TEXT
from tests.support.programs import Service, environment, running_program
from tests.support.servers.redis_server import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


def address(served: tuple[Service, str]) -> tuple[str, str]:
    running, key = served
    return f"{running.url}/v1", key


@pytest.fixture(scope="module")
def got(run, served, model) -> Any:
    model.requests.clear()
    return run("with_openai.py", *address(served))


class TestOpenAI:
    def test_a_completion_has_the_answer_its_usage_and_its_citations(self, got, model):
        completion = got["complete"]
        [choice] = completion["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == (TEXT, "stop")
        assert completion["usage"]["total_tokens"] == 10
        assert (completion["model"], completion["extra"]) == ("groundwork-generate", "Pump handbook")
        [annotation] = choice["message"]["annotations"]
        place = annotation["url_citation"]
        assert TEXT[place["start_index"] : place["end_index"]] == "[1]"
        assert place["title"] == "Pump handbook"
        # The first request rewrites the follow-up question. This model always writes the same text, which drops its
        # words, so they are kept and those of the question before it are added.
        [asked] = [request for request in model.requests if "stop" in request]
        assert (asked["max_tokens"], asked["temperature"], asked["stop"]) == (20, 0.5, ["END"])
        assert asked["messages"][-1]["content"].endswith("Question: Which seals does the pump need? (error E1234)")
        assert any(
            "Which seals does the pump need?" in request["messages"][-1]["content"] for request in model.requests
        )
        assert "pirate" not in json.dumps(asked)

    def test_a_stream_begins_with_its_passages_and_ends_with_its_usage(self, got, model):
        first, *middle, last, usage = got["stream"]
        assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert first["rag"]["sources"][0]["title"] == "Pump handbook"
        assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in middle) == TEXT
        assert last["choices"][0]["finish_reason"] == "stop"
        assert last["rag"]["citations"][0]["n"] == 1
        assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], 3)
        assert len({chunk["id"] for chunk in got["stream"]}) == 1
        assert 30 in [request["max_tokens"] for request in model.requests]

    def test_the_helper_that_collects_a_stream_gets_the_same_text(self, got):
        assert got["collect"]["choices"][0]["message"]["content"] == TEXT

    def test_a_response_has_the_answer_and_its_citations(self, got):
        response = got["respond"]
        assert (response["status"], response["text"], response["usage"]["total_tokens"]) == ("completed", TEXT, 10)
        [annotation] = response["output"][0]["content"][0]["annotations"]
        assert annotation["title"] == "Pump handbook"

    def test_a_streamed_response_has_the_events_of_a_text(self, got):
        streamed = got["stream_response"]
        assert streamed["text"] == TEXT
        deltas = streamed["kinds"].count("response.output_text.delta")
        assert deltas == len(PIECES)
        assert streamed["kinds"][:4] + streamed["kinds"][4 + deltas :] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]

    def test_the_models_are_the_modes(self, got):
        assert got["models"][0] == got["models"][-1].replace("quote", "generate") == "groundwork-generate"
        assert len(got["models"]) > 2

    @pytest.mark.parametrize(
        ("call", "kind", "status", "code", "words"),
        [
            ("model", "NotFoundError", 404, "model_not_found", "Choose one of groundwork-generate"),
            ("field", "UnprocessableEntityError", 422, "invalid_request", "n: Input should be 1"),
            ("image", "BadRequestError", 400, "invalid", "Remove the part of type 'image_url'"),
            ("key", "AuthenticationError", 401, "invalid_api_key", "The API key is missing or not valid"),
            ("response", "UnprocessableEntityError", 422, "invalid_request", "previous_response_id"),
            ("stream", "APIError", None, "unavailable", "The model server failed"),
            ("response stream", "APIError", None, "unavailable", "The model server failed"),
        ],
    )
    def test_an_error_is_the_exception_of_its_status(self, got, call, kind, status, code, words):
        error = got["fail"][call]
        assert (error["class"], error["status"], error["code"]) == (kind, status, code)
        assert words in error["message"]


def test_langchain_gets_answers_and_streams_from_both_apis(run, served):
    got = run("with_langchain.py", *address(served))
    usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    text, counted, finish = got["invoke"]
    assert (text, finish) == (TEXT, "stop")
    assert usage.items() <= counted.items()
    text, counted, pieces = got["stream"]
    assert (text, pieces) == (TEXT, len(PIECES))
    assert usage.items() <= counted.items()
    assert (got["responses"], got["responses stream"]) == (TEXT, TEXT)


# Its import takes several seconds, and it sends what the package openai sends.
@pytest.mark.nightly
def test_litellm_gets_answers_streams_and_errors(run, served):
    got = run("with_litellm.py", *address(served))
    assert got["completion"] == [TEXT, "stop", 10]
    assert got["stream"] == [TEXT, 10]
    assert got["responses"] == TEXT
    assert "There is no model" in got["error"]


def test_open_webui_sends_more_fields_than_the_service_reads(served):
    """The requests that Open WebUI sends to a server of the kind OpenAI: its list of models, then a streamed chat."""
    running, _ = served
    listed = running.http.get("/v1/models").json()
    assert listed["object"] == "list"
    model = listed["data"][0]
    assert model.keys() == {"id", "object", "created", "owned_by"}
    body = {
        "stream": True,
        "model": model["id"],
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Which seals does the pump need?"},
        ],
        "stream_options": {"include_usage": True},
        "chat_id": "c-1",
        "session_id": "s-1",
        "features": {"web_search": False, "image_generation": False},
        "variables": {"{{USER_NAME}}": "Ada"},
        "params": {},
        "metadata": {},
        "tools": [],
        "user": {"name": "Ada", "id": "u-1", "email": "ada@example.org", "role": "user"},
    }
    lines = running.http.post("/v1/chat/completions", json=body).text.split("\n\n")
    assert all(line.startswith("data: ") for line in lines if line)
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == TEXT
    # From these, Open WebUI shows the list of sources.
    [source] = [annotation["url_citation"] for delta in deltas for annotation in delta.get("annotations", [])]
    assert source["title"] == "Pump handbook"
    assert chunks[-1]["usage"]["total_tokens"] == 10


def test_mcp_clients_call_the_tools_over_standard_streams_and_http(served, run, tmp_path):
    running, key = served
    port = free_port()
    variables = environment(tmp_path, RAG_MCP__URL=running.url, RAG_MCP__API_KEY=key)
    announcement = r"Tools for MCP clients: (http\S+)"
    log = tmp_path / "mcp.log"
    http = {"announcement": announcement, "env": variables | {"RAG_MCP__PORT": str(port)}, "log": log}
    with running_program("service.mcp", "--http", **http) as (_, url):
        assert url == f"http://127.0.0.1:{port}/mcp"
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        # A desktop client starts the other server itself.
        results = run("with_mcp.py", url, sys.executable, "-m", "service.mcp", **variables)
    assert len(results) == 2
    for got in results:
        assert got["tools"] == ["search", "answer"]
        [passage] = got["search"]["results"]
        assert "S-17" in passage["text"]
        assert (passage["n"], passage["title"]) == (1, "Pump handbook")
        assert (got["answer"]["answer"], got["answer"]["declined"], got["answer"]["unsure"]) == (TEXT, False, False)
        assert [citation["n"] for citation in got["answer"]["citations"]] == [1]
        is_error, words = got["refused"]
        assert is_error
        assert "RAG_MAX_QUESTION_CHARS allows 2000 characters" in words


def test_the_process_of_the_service_never_imports_the_sdk_of_mcp(served):
    running, _ = served
    imported = set(re.findall(r"^import time:.*\| +(\w+)$", running.log.read_text(), re.MULTILINE))
    assert "fastapi" in imported
    assert not imported & {"mcp", "sse_starlette"}
