import asyncio
import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingest.sources.base import Rejection
from ingest.sources.web import WebSource
from rag.errors import InvalidInput
from rag.types import RawDocument


def answer(body: bytes = b"text", status: int = 200, **headers: str):
    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return handle


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    while True:
        await response.write(b"x" * 10_000)


async def silent(_: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


async def dropped(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def to_itself(request: web.Request) -> web.Response:
    raise web.HTTPFound(request.path)


async def to_page(_: web.Request) -> web.Response:
    raise web.HTTPFound("/page")


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    app = web.Application()
    pages = {
        "/page": answer(b"<p>hello", Content_Type="text/html; charset=utf-8"),
        "/latin": answer("<p>café".encode("latin-1"), Content_Type="text/html; charset=iso-8859-1"),
        "/wrong-charset": answer("<p>café".encode(), Content_Type="text/html; charset=klingon"),
        "/raw/README.md": answer(b"# hi", Content_Type="text/plain"),
        "/paper.pdf": answer(b"%PDF", Content_Type="application/octet-stream"),
        "/plain": answer(b"hi", Content_Type="text/plain"),
        "/photo": answer(b"jpeg", Content_Type="image/jpeg"),
        "/missing": answer(status=404),
        "/broken": answer(status=503),
        "/bomb": answer(gzip.compress(b"x" * 1_000_000), Content_Type="text/plain", Content_Encoding="gzip"),
        "/endless": endless,
        "/silent": silent,
        "/dropped": dropped,
        "/loop": to_itself,
        "/moved": to_page,
    }
    for path, handler in pages.items():
        app.router.add_get(path, handler)
    async with TestServer(app) as running:
        yield running


async def fetch(server: TestServer, path: str) -> RawDocument | Rejection:
    url = path if "//" in path else str(server.make_url(path))
    timeout = aiohttp.ClientTimeout(total=5, sock_read=0.2)
    async with aiohttp.ClientSession() as session:
        source = WebSource(url, session=session, max_bytes=100_000, timeout=timeout)
        [unit] = [unit async for unit in source.read()]
        return unit


async def accepted(server: TestServer, path: str) -> RawDocument:
    unit = await fetch(server, path)
    assert isinstance(unit, RawDocument)
    return unit


async def reason(server: TestServer, path: str) -> str:
    unit = await fetch(server, path)
    assert isinstance(unit, Rejection)
    assert "\n" not in unit.reason
    return unit.reason


async def test_a_page_comes_with_its_bytes_its_url_and_its_media_type(server):
    page = await accepted(server, "/page")

    assert (page.body, page.media_type) == (b"<p>hello", "text/html")
    assert page.uri == str(server.make_url("/page"))


async def test_the_suffix_decides_where_the_content_type_says_little(server):
    assert (await accepted(server, "/raw/README.md")).media_type == "text/markdown"
    assert (await accepted(server, "/paper.pdf")).media_type == "application/pdf"
    assert (await accepted(server, "/plain")).media_type == "text/plain"


async def test_a_kind_that_cannot_be_taken_in_is_rejected_by_name(server):
    assert "image/jpeg" in await reason(server, "/photo")


async def test_the_charset_of_the_header_reaches_the_parser(server):
    assert (await accepted(server, "/latin")).body == "<p>café".encode("utf-8-sig")


async def test_an_unknown_charset_leaves_the_bytes_as_they_are(server):
    assert (await accepted(server, "/wrong-charset")).body == "<p>café".encode()


async def test_a_redirect_is_followed_and_the_document_keeps_the_address_that_was_asked(server):
    assert (await accepted(server, "/moved")).uri == str(server.make_url("/moved"))


async def test_places_on_a_page_are_one_document_and_credentials_are_not_stored(server):
    address = str(server.make_url("/page"))
    with_secrets = await accepted(server, address.replace("http://", "http://user:secret@") + "#install")

    assert with_secrets.uri == address


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/missing", "the server answered 404 Not Found"),
        ("/broken", "the server answered 503 Service Unavailable"),
        ("/endless", "larger than the limit of 100,000 bytes"),
        ("/bomb", "larger than the limit of 100,000 bytes"),
        ("/silent", "the server took too long to answer"),
        ("/dropped", "cannot be fetched: Server disconnected"),
        ("/loop", "the server redirected more than 5 times"),
    ],
)
async def test_what_cannot_be_fetched_is_rejected_with_the_reason(server, path, expected):
    assert await reason(server, path) == expected


async def test_a_host_that_is_not_there_is_a_rejection():
    async with aiohttp.ClientSession() as session:
        source = WebSource("http://127.0.0.1:1/", session=session, max_bytes=1)
        [unit] = [unit async for unit in source.read()]

    assert isinstance(unit, Rejection)
    assert unit.reason.startswith("cannot be fetched: ")


async def test_a_url_without_a_host_is_refused_at_once():
    async with aiohttp.ClientSession() as session:
        with pytest.raises(InvalidInput, match="names no host"):
            WebSource("http:///page", session=session, max_bytes=1)
