"""The tools of the Model Context Protocol, called by the official client."""

import socket
import subprocess
import sys

import pytest

from tests.e2e.clients.conftest import TEXT
from tests.support.programs import environment, running_program
from tests.support.servers.redis_server import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


def check(got) -> None:
    assert got["tools"] == ["search", "answer"]
    [passage] = got["search"]["results"]
    assert "S-17" in passage["text"]
    assert (passage["n"], passage["title"]) == (1, "Pump handbook")
    assert (got["answer"]["answer"], got["answer"]["declined"]) == (TEXT, False)
    assert [citation["n"] for citation in got["answer"]["citations"]] == [1]
    is_error, words = got["refused"]
    assert is_error
    assert "RAG_MAX_QUESTION_CHARS allows 2000 characters" in words


def test_a_desktop_client_starts_it_and_speaks_over_standard_streams(served, run, tmp_path):
    running, key = served
    variables = environment(tmp_path, RAG_MCP__URL=running.url, RAG_MCP__API_KEY=key)
    check(run("with_mcp.py", sys.executable, "-m", "service.mcp", **variables))


def test_clients_of_this_machine_call_it_over_http(served, run, tmp_path):
    running, key = served
    port = free_port()
    variables = environment(tmp_path, RAG_MCP__URL=running.url, RAG_MCP__API_KEY=key, RAG_MCP__PORT=str(port))
    announcement = r"Tools for MCP clients: (http\S+)"
    log = tmp_path / "mcp.log"
    with running_program("service.mcp", "--http", announcement=announcement, env=variables, log=log) as (_, url):
        assert url == f"http://127.0.0.1:{port}/mcp"
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        check(run("with_mcp.py", url))


def test_the_process_of_the_service_never_imports_the_sdk():
    code = "import sys, service.program; sys.exit(len({'mcp', 'sse_starlette'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
