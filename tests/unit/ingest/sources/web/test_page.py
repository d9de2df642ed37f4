import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from ingest.settings import Settings, SourceSettings
from ingest.sources.base import Rejection, Unmodified
from ingest.sources.web.crawl import CrawlSource
from ingest.sources.web.fetching import open_fetcher
from ingest.sources.web.page import PageSource
from ingest.sources.web.sitemap import SitemapSource
from rag.errors import InvalidInput
from rag.settings import TimeoutSettings
from rag.types import RawDocument
from tests.support.fetching import fetch_all


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
    await asyncio.sleep(600)
    return web.Response()


async def dropped(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def to_itself(request: web.Request) -> web.Response:
    raise web.HTTPFound(request.path)


async def to_page(_: web.Request) -> web.Response:
    raise web.HTTPFound("/page")


async def tagged(request: web.Request) -> web.Response:
    if request.headers.get("If-None-Match") == '"1"':
        return web.Response(status=304)
    return web.Response(text="text", headers={"ETag": '"1"'})


async def sitemap(request: web.Request) -> web.Response:
    folder = request.url.parent
    pages = "".join(f"<url><loc>{folder}/{name}</loc></url>" for name in ("a.html", "b.html"))
    body = f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{pages}</urlset>'
    return web.Response(text=body, content_type="application/xml")


def html(body: str):
    return answer(f"<html><body><p>{body}</p></body></html>".encode(), Content_Type="text/html; charset=utf-8")


@pytest.fixture
async def server() -> AsyncIterator[BaseTestServer]:
    app = web.Application()
    pages = {
        "/page": answer(b"<p>hello", Content_Type="text/html; charset=utf-8"),
        "/latin": answer("<p>café".encode("latin-1"), Content_Type="text/html; charset=iso-8859-1"),
        "/raw/README.md": answer(b"# hi", Content_Type="text/plain"),
        "/paper.pdf": answer(b"%PDF", Content_Type="application/octet-stream"),
        "/plain": answer(b"hi", Content_Type="text/plain"),
        "/photo": answer(b"gif", Content_Type="image/gif"),
        "/missing": answer(status=404),
        "/broken": answer(status=503),
        "/bomb": answer(gzip.compress(b"x" * 1_000_000), Content_Type="text/plain", Content_Encoding="gzip"),
        "/endless": endless,
        "/silent": silent,
        "/dropped": dropped,
        "/loop": to_itself,
        "/moved": to_page,
        "/tagged": tagged,
        "/refresh": answer(
            b"<meta http-equiv=refresh content='0;url=/refreshed'><p>Wait", Content_Type="text/html", ETag='"1"'
        ),
        "/refreshed": answer(b"<p>The boiler needs 2 bar.", Content_Type="text/html", ETag='"2"'),
        "/endless-refresh": answer(
            b"<meta http-equiv=refresh content='0;url=/other-refresh'>", Content_Type="text/html"
        ),
        "/other-refresh": answer(
            b"<meta http-equiv=refresh content='0;url=/endless-refresh'>", Content_Type="text/html"
        ),
        "/get": answer(
            b"a,b\n1,2\n",
            Content_Type="application/octet-stream",
            Content_Disposition="attachment; filename*=UTF-8''prices%20%C3%A9.csv",
        ),
        "/traversal": answer(
            b"# hi",
            Content_Type="application/octet-stream",
            Content_Disposition='attachment; filename="..\\\\etc/a.md"',
        ),
        "/nonsense": answer(b"hi", Content_Type="text/plain", Content_Disposition=";;=filename"),
        "/robots.txt": answer(b"User-agent: *\nDisallow: /docs/secret.html\n", Content_Type="text/plain"),
        "/docs/": html('<a href="a.html">a</a> <a href="/page">out</a> <a href="secret.html">s</a> <a href="#x">x</a>'),
        "/docs/a.html": html('<a href="b.html">b</a> <a href="../docs/">up</a>'),
        "/docs/b.html": html("the end"),
        "/docs/secret.html": html("not for robots"),
        "/docs/sitemap.xml": sitemap,
    }
    for path, handler in pages.items():
        app.router.add_get(path, handler)
    async with TestServer(app) as running:
        yield running


def settings(*, read: float = 30, **sources: object) -> Settings:
    return Settings(
        max_document_bytes=100_000,
        sources=SourceSettings(**({"allow_private": True, "timeout": 60} | sources)),
        http=TimeoutSettings(read=read),
    )


async def fetch(server: BaseTestServer, path: str, validator: str = "", **more: Any):
    url = path if "//" in path else str(server.make_url(path))
    async with open_fetcher(settings(**more)) as fetcher:
        [unit] = await fetch_all(PageSource(url, fetcher=fetcher, max_bytes=100_000), validator)
        return unit


async def accepted(server: BaseTestServer, path: str) -> RawDocument:
    unit = await fetch(server, path)
    assert isinstance(unit, RawDocument)
    return unit


async def reason(server: BaseTestServer, path: str, **more: Any) -> str:
    unit = await fetch(server, path, **more)
    assert isinstance(unit, Rejection)
    assert "\n" not in unit.reason
    return unit.reason


async def test_a_page_is_returned_with_its_bytes_url_and_media_type(server):
    page = await accepted(server, "/page")

    assert (page.body, page.media_type) == (b"<p>hello", "text/html")
    assert page.uri == str(server.make_url("/page"))


async def test_the_suffix_decides_if_the_content_type_is_unspecific(server):
    assert (await accepted(server, "/raw/README.md")).media_type == "text/markdown"
    assert (await accepted(server, "/paper.pdf")).media_type == "application/pdf"
    assert (await accepted(server, "/plain")).media_type == "text/plain"


async def test_the_file_name_that_the_server_declares_decides_before_the_url(server):
    prices = await accepted(server, "/get")

    assert (prices.media_type, prices.title) == ("text/csv", "prices é.csv")
    assert (await accepted(server, "/traversal")).media_type == "text/markdown"
    assert (await accepted(server, "/nonsense")).media_type == "text/plain"


async def test_a_meta_refresh_is_followed_and_the_document_keeps_the_requested_url(server):
    page = await accepted(server, "/refresh")

    assert page.body == b"<p>The boiler needs 2 bar."
    assert page.uri == str(server.make_url("/refresh"))
    # Its own ETag says nothing about the page behind it.
    assert page.validator == ""
    assert "more than 5 times by meta refresh" in await reason(server, "/endless-refresh")


async def test_the_rejection_of_an_unsupported_format_names_its_content_type(server):
    assert "image/gif" in await reason(server, "/photo")


async def test_the_charset_of_the_header_reaches_the_parser(server):
    document = await accepted(server, "/latin")

    assert (document.body, document.charset) == ("<p>café".encode("latin-1"), "iso-8859-1")


async def test_a_redirect_is_followed_and_the_document_keeps_the_requested_url(server):
    assert (await accepted(server, "/moved")).uri == str(server.make_url("/moved"))


async def test_fragments_and_credentials_are_not_part_of_the_uri(server):
    address = str(server.make_url("/page"))
    written = address.replace("http://", "http://user:secret@") + "#install"  # pragma: allowlist secret
    with_secrets = await accepted(server, written)

    assert with_secrets.uri == address


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/missing", "404"),
        ("/broken", "503"),
        ("/endless", "larger than the limit of 100,000 bytes"),
        ("/bomb", "larger than the limit of 100,000 bytes"),
        ("/dropped", ""),
        ("/loop", "the server redirected more than 5 times"),
    ],
)
async def test_a_failed_fetch_is_a_rejection_with_the_reason(server, path, expected):
    assert expected in await reason(server, path)


async def test_a_silent_server_is_a_rejection_after_the_timeout(server):
    assert "took" in await reason(server, "/silent", read=0.3)


async def test_an_unreachable_host_is_a_rejection(server):
    assert await reason(server, "http://127.0.0.1:1/")


async def test_a_url_without_a_host_is_invalid_input():
    async with open_fetcher(settings()) as fetcher:
        with pytest.raises(InvalidInput, match="has no host"):
            PageSource("http:///page", fetcher=fetcher, max_bytes=1)


async def test_an_unchanged_page_is_not_downloaded_again(server):
    page = await accepted(server, "/tagged")
    assert page.validator
    assert isinstance(await fetch(server, "/tagged", page.validator), Unmodified)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_a_private_address_is_rejected_in_every_spelling(server, host):
    unit = await fetch(server, f"http://{host}:{server.port}/page", allow_private=False)
    assert isinstance(unit, Rejection)
    assert "RAG_SOURCES__ALLOW_PRIVATE" in unit.reason or "not a canonical IPv4 address" in unit.reason


async def uris_of(source) -> set[str]:
    return {unit.uri.rpartition("/")[2] for unit in await fetch_all(source) if isinstance(unit, RawDocument)}


async def test_a_crawl_returns_the_allowed_linked_pages_below_its_folder(server):
    async with open_fetcher(settings()) as fetcher:
        source = CrawlSource(str(server.make_url("/docs/")), fetcher=fetcher, settings=settings())
        assert await uris_of(source) == {"", "a.html", "b.html"}
        assert source.covers(str(server.make_url("/docs/gone.html")))
        assert not source.covers(str(server.make_url("/page")))


async def test_a_sitemap_returns_its_pages(server):
    async with open_fetcher(settings()) as fetcher:
        source = SitemapSource(str(server.make_url("/docs/sitemap.xml")), fetcher=fetcher, settings=settings())
        assert await uris_of(source) == {"a.html", "b.html"}
