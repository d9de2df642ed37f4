"""The environment that libraries read: no telemetry, and no proxy in front of this machine."""

import os
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import aiohttp
import grpc
import httpx
import pytest
import requests
import urllib3

from rag.environment import prepare_environment

# A port of this machine at which no program listens.
_DEAD = "http://127.0.0.1:9"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def dead_proxies(monkeypatch) -> None:
    for name in _PROXIES:
        monkeypatch.setenv(name, _DEAD)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    given = dict(os.environ)
    prepare_environment(given)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, given[name])


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hello) as listening:
        thread = Thread(target=listening.serve_forever)
        thread.start()
        yield f"127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.fixture
async def grpc_server() -> AsyncIterator[str]:
    listening = grpc.aio.server()
    port = listening.add_insecure_port("127.0.0.1:0")
    await listening.start()
    yield f"127.0.0.1:{port}"
    await listening.stop(None)


@pytest.mark.usefixtures("dead_proxies")
@pytest.mark.parametrize(
    "fetch",
    [
        lambda url: httpx.get(url, timeout=60).text,
        lambda url: requests.get(url, timeout=60).text,
        lambda url: urllib.request.urlopen(url, timeout=60).read().decode(),
    ],
    ids=["httpx", "requests", "urllib"],
)
def test_no_library_uses_a_proxy_to_reach_this_machine(fetch: Callable[[str], str], server):
    assert fetch(f"http://{server}/") == "hello"


@pytest.mark.usefixtures("dead_proxies")
async def test_aiohttp_uses_no_proxy_to_reach_this_machine(server):
    async with aiohttp.ClientSession(trust_env=True) as session, session.get(f"http://{server}/") as response:
        assert await response.text() == "hello"


@pytest.mark.usefixtures("dead_proxies")
async def test_grpc_uses_no_proxy_to_reach_this_machine(grpc_server):
    async with grpc.aio.insecure_channel(grpc_server) as channel:
        await channel.channel_ready()


@pytest.mark.usefixtures("dead_proxies")
def test_other_machines_are_still_reached_by_the_proxy():
    with pytest.raises(httpx.ConnectError):
        httpx.get("http://service.example/", timeout=60)
    with pytest.raises((requests.exceptions.ProxyError, urllib3.exceptions.ProxyError)):
        requests.get("http://service.example/", timeout=60)


@pytest.mark.parametrize(
    ("given", "prepared"),
    [
        ({}, "localhost,127.0.0.1,127.0.0.0/8,::1"),
        ({"no_proxy": "qdrant, .example.org"}, "qdrant,.example.org,localhost,127.0.0.1,127.0.0.0/8,::1"),
        ({"NO_PROXY": "127.0.0.1"}, "127.0.0.1,localhost,127.0.0.0/8,::1"),
        ({"no_proxy": "a", "NO_PROXY": "b"}, "a,localhost,127.0.0.1,127.0.0.0/8,::1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_the_exceptions_of_the_operator_stay(given, prepared):
    prepare_environment(given)
    assert (given["no_proxy"], given["NO_PROXY"]) == (prepared, prepared)


@pytest.mark.parametrize("name", ["ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"])
def test_the_telemetry_of_libraries_is_off_once_this_project_is_imported(name):
    assert os.environ[name] == "1"


def test_the_folder_of_another_kind_of_server_is_not_used_for_metrics():
    environment = {"PROMETHEUS_MULTIPROC_DIR": "/missing", "prometheus_multiproc_dir": "/missing"}
    prepare_environment(environment)
    assert not environment.keys() & {"PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"}
