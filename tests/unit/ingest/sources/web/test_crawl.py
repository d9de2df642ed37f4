import time
from typing import Any

import pytest

from ingest.settings import Settings, SourceSettings
from ingest.sources.base import Rejection
from ingest.sources.web.crawl import CrawlSource
from ingest.sources.web.fetching import open_fetcher
from tests.support.fakes.site import Page, Site, open_site, page
from tests.support.fetching import fetched


async def crawl(site: Site, path: str = "/docs/", **sources: Any) -> tuple[list[str], list[Rejection]]:
    """The paths of the pages that came, and what was rejected."""
    settings = Settings(sources=SourceSettings(allow_private=True, **sources))
    async with open_fetcher(settings) as fetcher:
        found = await fetched(CrawlSource(site.url(path), fetcher=fetcher, settings=settings))
    taken = [unit.uri.removeprefix(site.url("/").rstrip("/")) for unit in found if not isinstance(unit, Rejection)]
    return taken, [unit for unit in found if isinstance(unit, Rejection)]


def robots(text: str) -> Page:
    return Page(body=text.encode(), headers={"Content-Type": "text/plain"})


async def test_a_cycle_ends_and_each_page_is_asked_for_once():
    pages = {
        "/docs/": page("a", "b.html"),
        "/docs/b.html": page("b", "c.html"),
        "/docs/c.html": page("c", "./", "b.html"),
    }
    async with open_site(pages) as site:
        taken, rejected = await crawl(site)

        assert (taken, rejected) == (["/docs/", "/docs/b.html", "/docs/c.html"], [])
        assert sorted(site.asked) == ["/docs/", "/docs/b.html", "/docs/c.html", "/robots.txt"]


async def test_a_calendar_without_end_is_bounded_and_said_to_be_cut():
    endless = Page(body=b"<p>a day</p><a href='{path}1/'>next</a><a href='{path}2/'>other</a>")
    async with open_site({}, missing=endless) as site:
        taken, [rejection] = await crawl(site, max_pages=20, max_depth=50)

        assert len(taken) == 20
        assert "leads to more than 20 pages" in rejection.reason
        assert len(site.asked) == 21


async def test_a_page_of_very_many_links_costs_no_more_than_the_bound():
    many = page("many", *(f"{number}.html" for number in range(30_000)))
    async with open_site({"/docs/": many}, missing=page("one")) as site:
        taken, [rejection] = await crawl(site, max_pages=5)

        assert len(taken) == 5
        assert "leads to more than 5 pages" in rejection.reason


async def test_what_robots_txt_asks_not_to_fetch_is_not_asked_for():
    pages = {
        "/robots.txt": robots("User-agent: *\nDisallow: /docs/private/\n"),
        "/docs/": page("a", "b.html", "private/c.html"),
        "/docs/b.html": page("b"),
    }
    async with open_site(pages) as site:
        assert await crawl(site) == (["/docs/", "/docs/b.html"], [])
        assert "/docs/private/c.html" not in site.asked


async def test_a_crawl_delay_is_kept():
    pages = {
        "/robots.txt": robots("User-agent: *\nCrawl-delay: 0.3\n"),
        "/docs/": page("a", "b.html", "c.html"),
        "/docs/b.html": page("b"),
        "/docs/c.html": page("c"),
    }
    async with open_site(pages) as site:
        began = time.monotonic()
        taken, _ = await crawl(site)

        assert len(taken) == 3
        assert time.monotonic() - began >= 0.6


async def test_where_robots_txt_cannot_be_had_nothing_is_fetched():
    async with open_site({"/robots.txt": Page(status=503), "/docs/": page("a")}) as site:
        taken, [rejection] = await crawl(site)

        assert taken == []
        assert rejection.reason == "robots.txt cannot be had: the server answered 503 Service Unavailable"
        assert set(site.asked) == {"/robots.txt"}


async def test_pictures_and_archives_are_not_asked_for_and_unknown_suffixes_are():
    pages = {"/docs/": page("a", "b.png", "c.zip", "d.tar.gz", "e.php"), "/docs/e.php": page("e")}
    async with open_site(pages) as site:
        assert await crawl(site) == (["/docs/", "/docs/e.php"], [])
        assert sorted(site.asked) == ["/docs/", "/docs/e.php", "/robots.txt"]


@pytest.mark.parametrize("status", [500, 403])
async def test_a_page_that_fails_is_a_rejection_and_the_rest_goes_on(status):
    pages = {"/docs/": page("a", "b.html", "c.html"), "/docs/b.html": Page(status=status), "/docs/c.html": page("c")}
    async with open_site(pages) as site:
        taken, [rejection] = await crawl(site)

        assert taken == ["/docs/", "/docs/c.html"]
        assert str(status) in rejection.reason
