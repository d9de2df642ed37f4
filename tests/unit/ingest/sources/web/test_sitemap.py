import gzip
from collections.abc import Mapping
from typing import Any

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
