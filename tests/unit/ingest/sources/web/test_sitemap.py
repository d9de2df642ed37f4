import gzip
from collections.abc import Mapping
from typing import Any

import pytest

from ingest.settings import Settings, SourceSettings
from ingest.sources.base import Rejection
from ingest.sources.web.fetching import open_fetcher
from ingest.sources.web.sitemap import SitemapSource
from tests.support.fakes.site import Page, open_site, page
from tests.support.fetching import fetch_all

_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def xml(kind: str, *locations: str) -> bytes:
    child = "url" if kind == "urlset" else "sitemap"
    entries = "".join(f"<{child}><loc>{location}</loc></{child}>" for location in locations)
    return f'<?xml version="1.0"?><{kind} xmlns="{_NAMESPACE}">{entries}</{kind}>'.encode()


def served(body: bytes, media_type: str = "application/xml") -> Page:
    return Page(body=body, headers={"Content-Type": media_type})


async def read(pages: Mapping[str, Page], path: str = "/sitemap.xml", **sources: Any) -> tuple[list[str], list[str]]:
    """Return the paths of the fetched pages, and the reasons of the rejections with the messages of the warnings."""
    settings = Settings(sources=SourceSettings(allow_private=True, **sources))
    async with open_site(pages) as site, open_fetcher(settings) as fetcher:
        source = SitemapSource(site.url(path), fetcher=fetcher, settings=settings)
        results = await fetch_all(source)
        root = site.url("/").rstrip("/")
    paths = [result.uri.removeprefix(root) for result in results if not isinstance(result, Rejection)]
    reasons = [result.reason for result in results if isinstance(result, Rejection)]
    return paths, [*reasons, *(f"{warning.message} {warning.affected.names}" for warning in source.notes.warnings)]


async def test_a_sitemap_index_includes_its_sitemaps_gzipped_or_not():
    pages = {
        "/sitemap.xml": served(xml("sitemapindex", "/one.xml", "/two.xml.gz", "/sitemap.xml")),
        "/one.xml": served(xml("urlset", "/a.html")),
        "/two.xml.gz": served(gzip.compress(xml("urlset", "/b.html", "/a.html")), "application/gzip"),
        "/a.html": page("a"),
        "/b.html": page("b"),
    }
    assert await read(pages) == (["/a.html", "/b.html"], [])


async def test_a_gzip_bomb_stops_at_the_size_limit_of_sitemaps():
    bomb = gzip.compress(b"<urlset>" + b" " * 60_000_000)
    paths, [reason] = await read({"/sitemap.xml.gz": served(bomb, "application/gzip")}, "/sitemap.xml.gz")
    assert paths == []
    assert reason == "larger than the limit of 52,428,800 bytes for a sitemap"


async def test_private_addresses_and_other_hosts_are_skipped_and_reported():
    private = ("http://169.254.169.254/latest/", "http://10.0.0.1/a.html", "file:///etc/passwd")
    pages = {"/sitemap.xml": served(xml("urlset", "/a.html", *private)), "/a.html": page("a")}
    paths, reasons = await read(pages)
    assert paths == ["/a.html"]
    assert any("not http(s) URLs" in reason and "file:///etc/passwd" in reason for reason in reasons)
    assert any("Pages of 169.254.169.254 are skipped" in reason for reason in reasons)


async def test_a_response_that_is_not_a_sitemap_is_one_rejection():
    for body in (b"<html><body><p>hello</p></body></html>", b"no xml", b'<!DOCTYPE x [<!ENTITY a "b">]><urlset/>', b""):
        paths, [reason] = await read({"/sitemap.xml": served(body)})
        assert paths == []
        assert reason.startswith("not a sitemap")


async def test_a_sitemap_with_too_many_pages_is_truncated_and_reported():
    pages = {f"/{number}.html": page("x") for number in range(5)}
    pages["/sitemap.xml"] = served(xml("urlset", *pages))
    paths, [reason] = await read(pages, max_pages=3)
    assert len(paths) == 3
    assert "lists more than 3 pages" in reason


async def test_an_unavailable_robots_txt_is_requested_once_and_forbids_every_page():
    pages = {"/robots.txt": Page(status=500), "/sitemap.xml": served(xml("urlset", *(f"/{n}.html" for n in range(9))))}
    paths, reasons = await read(pages)
    assert paths == []
    assert set(reasons) == {"robots.txt cannot be fetched: the server answered 500 Internal Server Error"}


_URL = "<url><loc>/a.html</loc></url>"


@pytest.mark.parametrize(
    "body",
    [
        f'\n\n<?xml version="1.0"?><urlset xmlns="{_NAMESPACE}">{_URL}</urlset>'.encode(),
        f'\ufeff<?xml version="1.0"?><urlset xmlns="{_NAMESPACE}">{_URL}</urlset>'.encode(),
        f'<?xml version="1.0" encoding="UTF-16"?><urlset>{_URL}</urlset>'.encode("utf-16"),
        f'<urlset xmlns="http://www.google.com/schemas/sitemap/0.84">{_URL}</urlset>'.encode(),
        f"<sm:urlset>{_URL.replace('<', '<sm:').replace('<sm:/', '</sm:')}</sm:urlset>".encode(),
        b"<urlset><url><image:image><image:loc>/no.png</image:loc></image:image><loc> <![CDATA[/a.html]]>\n</loc>"
        b"<xhtml:link href='/no.html'/></url></urlset>",
        b"<rss><channel><link>/no.html</link><item><title>A</title><link>/a.html</link><atom:link href='/no.html'/>"
        b"</item></channel></rss>",
        b"<feed><link href='/no.html'/><entry><link rel='edit' href='/no.html'/><link href='/a.html'/></entry></feed>",
        b"\xef\xbb\xbf/a.html\r\n\r\n",
        gzip.compress(b"/a.html", mtime=0),
    ],
)
async def test_the_variants_of_a_sitemap_list_the_same_page(body):
    assert await read({"/sitemap.xml": served(body), "/a.html": page("a")}) == (["/a.html"], [])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "but an HTML page"),
        (b"<html><body>Not found</body></html>", "but an HTML page"),
        (b"<urlset><url><loc>/a.html?a=1&b=2</loc></url>\n</urlset>", "an & that is not written as &amp;"),
        (b"<urlset>\n<url><loc>/a.html</loc></url>", "it ends early (line 2)"),
        (b"<urlset>\n<url><loc>/a.html</url></urlset>", "an end tag does not match its start tag (line 2)"),
        (b"<catalog><item/></catalog>", "its root element is catalog, and not urlset, sitemapindex, rss or feed"),
        (b'{"pages": []}', "neither XML nor a list of addresses; it begins with '{\"pages\": []}'"),
    ],
)
async def test_the_rejection_says_what_is_wrong_with_a_sitemap(body, expected):
    paths, [reason] = await read({"/sitemap.xml": served(body), "/a.html": page("a")})
    assert paths == []
    assert expected in reason


async def test_a_sitemap_of_another_host_names_both_hosts():
    paths, reasons = await read({"/sitemap.xml": served(xml("urlset", "http://www.example.org:81/a.html"))})
    assert paths == []
    assert reasons[0].startswith(
        "lists no page of this source. Pages of www.example.org:81 are skipped, because the sit"
    )


async def test_a_page_that_is_gone_and_one_that_is_unreachable_differ_for_prune():
    pages = {
        "/sitemap.xml": served(xml("sitemapindex", "/one.xml", "/two.xml")),
        "/one.xml": served(xml("urlset", "/a.html")),
        "/two.xml": Page(status=403),
        "/a.html": page("a"),
        "/alive.html": page("b"),
    }
    settings = Settings(sources=SourceSettings(allow_private=True))
    async with open_site(pages) as site, open_fetcher(settings) as fetcher:
        source = SitemapSource(site.url("/sitemap.xml"), fetcher=fetcher, settings=settings)
        await fetch_all(source)
        assert await source.is_gone(site.url("/dead.html"))
        assert not await source.is_gone(site.url("/alive.html"))
