"""The middleware over a small application: ids, counters, log lines and limits of bodies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from service.http.middleware import BodyLimit, RequestTelemetry, declare_routes

DOCUMENT_BYTES = 300_000
QUESTION_BYTES = 100_000


async def give_status(request: Request) -> Response:
    return Response(status_code=int(request.path_params["status"]))


async def give_inflight(_: Request) -> Response:
    return JSONResponse(REGISTRY.get_sample_value("rag_inflight_requests"))


async def count_bytes(request: Request) -> Response:
    return JSONResponse(len(await request.body()))


async def break_stream(request: Request) -> Response:
    request.state.failed_with = 503
    return Response()


@pytest.fixture
def app() -> RequestTelemetry:
    async def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Response(status_code=error.status_code)

    routes = [
        Route("/status/{status}", give_status),
        Route("/broken", break_stream),
        Route("/inflight", give_inflight),
        Route("/metrics", give_inflight),
        Route("/v1/documents", count_bytes, methods=["PUT"]),
        Route("/v1/answers", count_bytes, methods=["POST"]),
    ]
    inner = Starlette(routes=routes, exception_handlers={HTTPException: refuse})
    return RequestTelemetry(BodyLimit(inner, document_bytes=DOCUMENT_BYTES), patience_seconds=60)


@pytest.fixture
async def client(app) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as opened:
        yield opened


def requests(route: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("rag_requests_total", {"route": route, "outcome": outcome}) or 0


def duration_count(route: str) -> float:
    return REGISTRY.get_sample_value("rag_request_duration_seconds_count", {"route": route}) or 0


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    """A body without a declared length."""
    for start in range(0, size, 50_000):
        yield b"x" * min(50_000, size - start)


@pytest.mark.parametrize("given", ["a", "my-request.7_B", "x" * 64])
async def test_a_harmless_request_id_of_the_client_is_kept(client, given):
    response = await client.get("/status/200", headers={"X-Request-Id": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 65, "two words", "semi;colon", "line\n"])
async def test_any_other_request_id_is_replaced(app, given):
    headers = [] if given is None else [(b"x-request-id", given.encode())]
    sent = await run_request(app, "/status/200", headers=headers)
    [replaced] = [value.decode() for name, value in sent[0]["headers"] if name == b"x-request-id"]
    assert len(replaced) == 32
    assert int(replaced, 16) >= 0


async def test_every_response_has_the_security_headers(client):
    for path in ("/status/200", "/nowhere"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *[(200, "ok"), (204, "ok"), (304, "ok")],
        *[(400, "invalid"), (404, "invalid"), (428, "invalid")],
        *[(429, "overloaded"), (500, "error"), (503, "error")],
    ],
)
async def test_each_status_is_counted_as_its_outcome_and_timed_once(client, status, outcome):
    before, timed = requests("/status/{status}", outcome), duration_count("/status/{status}")
    await client.get(f"/status/{status}")
    assert requests("/status/{status}", outcome) == before + 1
    assert duration_count("/status/{status}") == timed + 1


async def test_a_stream_that_broke_counts_as_an_error_although_it_began_with_200(client):
    before = requests("/broken", "error")
    assert (await client.get("/broken")).status_code == 200
    assert requests("/broken", "error") == before + 1


async def test_a_path_without_a_route_is_counted_as_unmatched(client):
    before = requests("unmatched", "invalid")
    await client.get("/some/document-id")
    assert requests("unmatched", "invalid") == before + 1


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError])
async def test_a_request_without_a_complete_response_counts_as_an_error(error):
    async def break_off(_, __, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise error

    before = requests("unmatched", "error")
    with pytest.raises(error):
        await run_request(RequestTelemetry(break_off, patience_seconds=60), "/anything")
    assert requests("unmatched", "error") == before + 1


async def test_a_request_is_in_flight_and_a_scrape_is_not(client):
    assert (await client.get("/inflight")).json() == 1
    assert (await client.get("/metrics")).json() == 0
    assert REGISTRY.get_sample_value("rag_inflight_requests") == 0


async def test_a_request_is_logged_with_its_route_and_a_scrape_is_not(client):
    with capture_logs() as lines:
        await client.get("/status/404")
        await client.get("/metrics")
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/status/{status}", 404)
    assert 0 <= line["ms"] < 60_000


async def test_declared_routes_are_counted_from_zero():
    declare_routes(["/declared"])
    for route in ("/declared", "unmatched"):
        for outcome in ("ok", "overloaded", "invalid", "error", "abandoned", "cancelled"):
            labels = {"route": route, "outcome": outcome}
            assert REGISTRY.get_sample_value("rag_requests_total", labels) is not None


@pytest.mark.parametrize("form", [lambda size: b"x" * size, in_pieces], ids=["declared length", "in pieces"])
@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [("POST", "/v1/answers", QUESTION_BYTES), ("PUT", "/v1/documents", DOCUMENT_BYTES)],
)
async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(client, form, method, path, limit):
    accepted = await client.request(method, path, content=form(limit))
    assert (accepted.status_code, accepted.json()) == (200, limit)
    refused = await client.request(method, path, content=form(limit + 1))
    assert refused.status_code == 413


async def test_a_declared_length_above_the_limit_is_refused_before_the_body_arrives(app):
    headers = [(b"content-length", str(QUESTION_BYTES + 1).encode())]
    sent = await run_request(app, "/v1/answers", method="POST", headers=headers, body=b"x", more_body=True)
    assert sent[0]["status"] == 413


async def test_a_length_that_is_not_a_number_is_ignored(app):
    sent = await run_request(app, "/v1/answers", method="POST", headers=[(b"content-length", b"many")], body=b"xyz")
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"3")


@pytest.mark.parametrize(
    "middleware", [partial(RequestTelemetry, patience_seconds=60), partial(BodyLimit, document_bytes=1)]
)
async def test_what_is_not_http_passes_unchanged(middleware):
    seen = []

    async def inner(scope, receive, send):
        seen.append((scope, receive, send))

    async def receive():
        raise AssertionError("nothing is received")

    async def send(_):
        raise AssertionError("nothing is sent")

    scope = {"type": "lifespan"}
    await middleware(inner)(scope, receive, send)
    assert seen == [(scope, receive, send)]
    assert scope == {"type": "lifespan"}


async def test_a_body_that_does_not_arrive_is_rejected_and_a_whole_one_may_be_worked_on_for_longer():
    parts: asyncio.Queue[dict] = asyncio.Queue()

    async def read(_, receive, send):
        while (await receive()).get("more_body"):
            pass
        with suppress(TimeoutError):  # As the watch for the end of the connection does.
            await asyncio.wait_for(receive(), 0.1)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def answer(limited) -> int:
        sent: asyncio.Queue[dict] = asyncio.Queue()
        scope = {"type": "http", "method": "POST", "path": "/v1/answers", "headers": []}
        await limited(scope, parts.get, sent.put)
        return (await sent.get())["status"]

    limited = BodyLimit(read, document_bytes=DOCUMENT_BYTES, pause_seconds=0.02)
    for arrived in ([], [{"type": "http.request", "body": b"{", "more_body": True}]):
        for part in arrived:
            parts.put_nowait(part)
        with pytest.raises(HTTPException) as raised:
            await asyncio.wait_for(answer(limited), 60)
        assert raised.value.status_code == 408
    parts.put_nowait({"type": "http.request", "body": b"{}"})  # Without a key, nothing follows.
    assert await answer(limited) == 200


async def run_request(app, path, *, method="GET", headers=(), body=b"", more_body=False) -> list[dict]:
    """Return what the application sends. With `more_body` nothing follows the first piece."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": list(headers),
        "query_string": b"",
        "root_path": "",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("test", 80),
    }
    sent: list[dict] = []
    waiting = [{"type": "http.request", "body": body, "more_body": more_body}]

    async def receive():
        assert waiting, "the application waits for more"
        return waiting.pop()

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent
