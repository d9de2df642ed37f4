import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ingest.settings import Settings, SourceSettings
from ingest.sources.base import Rejection
from ingest.sources.web.crawl import CrawlSource
from ingest.sources.web.fetching import open_fetcher
from tests.support.fakes.site import Page, Site, open_site, page
from tests.support.fetching import fetch_all


@dataclass(frozen=True)
class Crawled:
    """A crawl and what it found; all names are paths."""

    source: CrawlSource
    paths: list[str]
    rejected: list[Rejection]
    root: str

    @property
    def warnings(self) -> dict[str, tuple[str, int, list[str]]]:
        """Message, number and first names of each warning, by code."""
        return {
            warning.code: (warning.message, warning.affected.count, self._paths_of(warning.affected.names))
            for warning in self.source.notes.warnings
        }

    @property
    def passed_over(self) -> dict[str, list[str]]:
        return {kind: self._paths_of(named.names) for kind, named in self.source.notes.passed_over.items()}

    def _paths_of(self, names: list[str]) -> list[str]:
        return [name.replace(self.root, "") for name in names]


@asynccontextmanager
async def open_crawl(site: Site, path: str = "/docs/", **sources: Any) -> AsyncIterator[Crawled]:
    settings = Settings(sources=SourceSettings(allow_private=True, **sources))
    async with open_fetcher(settings) as fetcher:
        source = CrawlSource(site.url(path), fetcher=fetcher, settings=settings)
        results = await fetch_all(source)
        root = site.url("/").rstrip("/")
        paths = [result.uri.removeprefix(root) for result in results if not isinstance(result, Rejection)]
        rejected = [result for result in results if isinstance(result, Rejection)]
        yield Crawled(source=source, paths=paths, rejected=rejected, root=root)


async def crawl(site: Site, path: str = "/docs/", **sources: Any) -> tuple[list[str], list[Rejection]]:
    """Return the paths of the fetched pages and the rejections."""
    async with open_crawl(site, path, **sources) as crawled:
        return crawled.paths, crawled.rejected


def robots(text: str) -> Page:
    return Page(body=text.encode(), headers={"Content-Type": "text/plain"})


async def test_each_page_of_a_link_cycle_is_requested_once():
    pages = {
        "/docs/": page("a", "b.html"),
        "/docs/b.html": page("b", "c.html"),
        "/docs/c.html": page("c", "./", "b.html"),
    }
    async with open_site(pages) as site:
        paths, rejected = await crawl(site)

        assert (paths, rejected) == (["/docs/", "/docs/b.html", "/docs/c.html"], [])
        assert sorted(site.asked) == ["/docs/", "/docs/b.html", "/docs/c.html", "/robots.txt"]


async def test_an_endless_site_is_truncated_at_the_limit_and_reported():
    endless = Page(body=b"<p>a day</p><a href='{path}1/'>next</a><a href='{path}2/'>other</a>")
    async with open_site({}, missing=endless) as site:
        async with open_crawl(site, max_pages=20, max_depth=50) as crawled:
            assert (len(crawled.paths), crawled.rejected) == (20, [])
            message, count, _ = crawled.warnings["cut_listing"]

        assert message == (
            "Links were not followed, because a crawl is limited to 20 pages. Raise RAG_SOURCES__MAX_PAGES."
        )
        assert count == 21
        assert len(site.asked) == 21


@pytest.mark.slow
async def test_a_page_with_very_many_links_is_truncated_at_the_limit():
    many = page("many", *(f"{number}.html" for number in range(30_000)))
    async with open_site({"/docs/": many}, missing=page("one")) as site, open_crawl(site, max_pages=5) as crawled:
        assert (len(crawled.paths), crawled.rejected) == (5, [])
        assert [warning.affected.count for warning in crawled.source.notes.warnings] == [1, 9_996]


async def test_pages_that_robots_txt_disallows_are_not_requested():
    pages = {
        "/robots.txt": robots("User-agent: *\nDisallow: /docs/private/\n"),
        "/docs/": page("a", "b.html", "private/c.html"),
        "/docs/b.html": page("b"),
    }
    async with open_site(pages) as site:
        assert await crawl(site) == (["/docs/", "/docs/b.html"], [])
        assert "/docs/private/c.html" not in site.asked


async def test_a_crawl_delay_in_robots_txt_is_obeyed():
    pages = {
        "/robots.txt": robots("User-agent: *\nCrawl-delay: 0.3\n"),
        "/docs/": page("a", "b.html", "c.html"),
        "/docs/b.html": page("b"),
        "/docs/c.html": page("c"),
    }
    async with open_site(pages) as site:
        began = time.monotonic()
        paths, _ = await crawl(site)

        assert len(paths) == 3
        assert time.monotonic() - began >= 0.6


async def test_nothing_is_fetched_if_robots_txt_is_unavailable():
    async with open_site({"/robots.txt": Page(status=503), "/docs/": page("a")}) as site:
        paths, [rejection] = await crawl(site)

        assert paths == []
        assert rejection.reason == "robots.txt cannot be fetched: the server answered 503 Service Unavailable"
        assert set(site.asked) == {"/robots.txt"}


async def test_pictures_and_archives_are_not_requested_but_unknown_suffixes_are():
    pages = {"/docs/": page("a", "b.png", "c.zip", "d.tar.gz", "e.php"), "/docs/e.php": page("e")}
    async with open_site(pages) as site:
        assert await crawl(site) == (["/docs/", "/docs/e.php"], [])
        assert sorted(site.asked) == ["/docs/", "/docs/e.php", "/robots.txt"]


@pytest.mark.parametrize("status", [500, 403])
async def test_a_failed_page_is_a_rejection_and_the_crawl_continues(status):
    pages = {"/docs/": page("a", "b.html", "c.html"), "/docs/b.html": Page(status=status), "/docs/c.html": page("c")}
    async with open_site(pages) as site:
        paths, [rejection] = await crawl(site)

        assert paths == ["/docs/", "/docs/c.html"]
        assert str(status) in rejection.reason
