"""The entrance: host names, calls without a key, the path prefix and HEAD."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from service.auth.keys import Keys
from service.http.entrance import Entrance, HeadAsGet, PathPrefix
from service.http.failures import ErrorResponses

PATHS = ["/", "/livez", "/readyz", "/metrics", "/v1/answers"]


async def describe(request: Request) -> JSONResponse:
    return JSONResponse({"method": request.method, "path": request.url.path})


INNER = Starlette(routes=[Route(path, describe, methods=["GET", "POST"]) for path in PATHS])


@asynccontextmanager
async def client_of(app) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as opened:
        yield opened


@asynccontextmanager
async def entering(tmp_path, *, is_loopback=True, hosts=(), origins=(), with_key=False):
    keys = Keys(tmp_path / "keys.json", allow_anonymous=is_loopback)
    if with_key:
        keys.create(tenant="acme", role="reader")
    entrance = Entrance(INNER, keys=keys, is_loopback=is_loopback, hosts=hosts, origins=origins)
    async with client_of(ErrorResponses(entrance, stopping=asyncio.Event())) as http:
        yield http


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:8000", "LOCALHOST:80", "localhost.", "127.0.0.1", "127.0.0.1:8000", "127.8.8.8"),
        *("[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]:8000", ""),
    ],
)
async def test_on_loopback_the_names_of_this_machine_are_answered(tmp_path, host):
    async with entering(tmp_path) as http:
        assert (await http.get("/", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "localhost.evil.example", "evil-localhost", "10.0.0.7"),
        *("[fe80::1]:8000", "[::1", "::1", "localhost:8000:1", "localhost@evil.example", "localhost/x", " "),
        "127.0.0.1.evil.example",
    ],
)
async def test_on_loopback_any_other_name_is_refused_with_a_problem(tmp_path, host):
    async with entering(tmp_path, with_key=True) as http:
        response = await http.get("/", headers={"Host": host})
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert "RAG_ALLOWED_HOSTS" in response.json()["detail"]


async def test_two_host_headers_are_refused(tmp_path):
    async with entering(tmp_path) as http:
        assert (await http.get("/", headers=[("Host", "localhost"), ("Host", "evil.example")])).status_code == 400


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *[("rag.example.org", 200), ("RAG.example.org:443", 200), ("a.wild.example", 200), ("localhost", 200)],
        *[("127.0.0.1:8000", 200), ("evil.example", 400), ("wild.example", 400), ("xwild.example", 400)],
        *[("rag.example.org.evil.example", 400), ("10.0.0.7", 400)],
    ],
)
async def test_the_configured_names_are_answered_besides_those_of_this_machine(tmp_path, host, status):
    async with entering(tmp_path, hosts=["Rag.example.org", "*.wild.example"], with_key=True) as http:
        assert (await http.get("/", headers={"Host": host})).status_code == status


@pytest.mark.parametrize("hosts", [(), ("rag.example.org",)])
async def test_beyond_loopback_monitoring_may_ask_by_address(tmp_path, hosts):
    async with entering(tmp_path, is_loopback=False, hosts=hosts, with_key=True) as http:
        assert (await http.get("/metrics", headers={"Host": "10.0.0.7:8000"})).status_code == 200


async def test_beyond_loopback_each_name_is_answered_unless_names_are_configured(tmp_path):
    for hosts, status in [((), 200), (("rag.example.org",), 400), (("*",), 200)]:
        async with entering(tmp_path, is_loopback=False, hosts=hosts, with_key=True) as http:
            assert (await http.get("/", headers={"Host": "other.example"})).status_code == status


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "Via", "X-Real-IP"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/v1/answers"])
async def test_without_keys_a_call_through_a_proxy_is_refused(tmp_path, name, path):
    async with entering(tmp_path) as http:
        response = await http.get(path, headers={name: "203.0.113.7"})
    assert (response.status_code, response.json()["status"]) == (403, 403)
    assert "keys create" in response.json()["detail"]


async def test_probes_are_answered_through_a_proxy_without_keys(tmp_path):
    async with entering(tmp_path) as http:
        for path in ("/livez", "/readyz"):
            assert (await http.get(path, headers={"Via": "1.1 proxy"})).status_code == 200


async def test_with_keys_calls_may_come_through_a_proxy(tmp_path):
    async with entering(tmp_path, with_key=True) as http:
        assert (await http.post("/v1/answers", headers={"X-Forwarded-For": "203.0.113.7"})).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost:8000", 200), ("http://localhost:5173", 200), ("http://evil.example", 403), ("null", 403)],
)
async def test_without_keys_a_foreign_page_cannot_change_anything(tmp_path, origin, status):
    async with entering(tmp_path, origins=["http://localhost:5173"]) as http:
        assert (await http.post("/v1/answers", headers={"Origin": origin})).status_code == status
        assert (await http.get("/v1/answers", headers={"Origin": origin})).status_code == 200


@pytest.mark.parametrize("path", ["/rag/v1/answers", "/v1/answers"])
async def test_the_prefix_may_be_removed_by_the_proxy_or_not(path):
    async with client_of(PathPrefix(INNER, prefix="/rag")) as http:
        assert (await http.get(path)).json()["path"] == "/v1/answers"


@pytest.mark.parametrize("path", ["/ragged/v1/answers", "/x/rag/v1/answers"])
async def test_a_path_that_only_resembles_the_prefix_is_left_alone(path):
    async with client_of(PathPrefix(INNER, prefix="/rag")) as http:
        assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/rag", "/rag/"])
async def test_the_prefix_alone_is_the_root(path):
    async with client_of(PathPrefix(INNER, prefix="/rag")) as http:
        assert (await http.get(path)).json()["path"] == "/"


async def test_head_is_answered_as_get_without_the_body():
    async with client_of(HeadAsGet(INNER)) as http:
        got, head = await http.get("/"), await http.head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == got.headers
    assert int(head.headers["content-length"]) == len(got.content)


async def test_head_leaves_the_route_to_the_metrics():
    seen = []

    async def inner(scope, receive, send):
        await HeadAsGet(INNER)(scope, receive, send)
        seen.append((scope["method"], scope["route"].path))

    async with client_of(inner) as http:
        await http.head("/livez")
    assert seen == [("HEAD", "/livez")]


async def test_head_is_complete_with_its_headers_even_if_the_body_would_take_long():
    async def in_parts(_, __, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
        for part in (b"one", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": part == b"one"})

    sent = []

    async def note(message):
        sent.append(message)

    await HeadAsGet(in_parts)({"type": "http", "method": "HEAD", "path": "/"}, None, note)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (sent[1]["body"], sent[1].get("more_body", False)) == (b"", False)
