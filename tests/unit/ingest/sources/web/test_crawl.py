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


async def test_a_depth_cut_is_told_with_the_number_of_links_and_the_setting():
    pages = {f"/docs/{n}.html": page(f"lesson {n}", f"{n + 1}.html", "1.html") for n in range(1, 6)}
    async with open_site(pages) as site, open_crawl(site, "/docs/1.html", max_depth=2) as crawled:
        assert crawled.paths == ["/docs/1.html", "/docs/2.html", "/docs/3.html"]
        assert crawled.rejected == []
        message, count, names = crawled.warnings["cut_depth"]

    assert "RAG_SOURCES__MAX_DEPTH" in message
    assert (count, names) == (1, ["/docs/4.html"])


async def test_what_the_rules_of_a_site_exclude_is_passed_over_by_kind():
    pages = {
        "/robots.txt": robots("User-agent: *\nDisallow: /docs/private/\n"),
        "/docs/": Page(
            body=b"<p>start</p><a href='private/a.html'></a><a href='b.png'></a><a href='gone.html'></a>"
            b"<a href='c.html' rel='nofollow'></a><a href='d.html'></a><a href='d.html#x'></a>"
        ),
        "/docs/d.html": Page(body=b"<meta name=robots content=noindex><p>d</p><a href='private/a.html'></a>"),
    }
    async with open_site(pages) as site, open_crawl(site) as crawled:
        assert (crawled.paths, crawled.warnings) == (["/docs/"], {})
        assert crawled.passed_over == {
            "robots.txt": ["/docs/private/a.html"],
            ".png": ["/docs/b.png"],
            "nofollow": ["/docs/c.html"],
            "dead link": ["/docs/gone.html"],
            "noindex": ["/docs/d.html"],
        }


def refreshing(target: str, text: str = "Redirecting", seconds: str = "0") -> Page:
    return Page(body=f'<meta http-equiv="Refresh" content="{seconds}; URL={target}"><p>{text}</p>'.encode())


@pytest.mark.parametrize("target", ["v2/start.html", "'v2/start.html'", "/docs/v2/start.html", "V2/../v2/start.html"])
async def test_a_page_that_only_refreshes_leads_to_the_page_behind_it(target):
    pages = {
        "/docs/": refreshing(target),
        "/docs/v2/start.html": page("manual", "b.html"),
        "/docs/v2/b.html": page("b"),
    }
    async with open_site(pages) as site:
        assert await crawl(site) == (["/docs/v2/start.html", "/docs/v2/b.html"], [])


async def test_a_page_with_text_that_refreshes_later_is_a_document():
    pages = {
        "/docs/": page("start", "news.html", "long.html"),
        "/docs/news.html": refreshing("/docs/", "News of today", "300"),
        "/docs/long.html": refreshing("/docs/", "word " * 100),
    }
    async with open_site(pages) as site:
        assert await crawl(site) == (["/docs/", "/docs/news.html", "/docs/long.html"], [])


async def test_pages_that_refresh_to_each_other_do_not_loop():
    pages = {
        "/docs/": page("start", "a.html"),
        "/docs/a.html": refreshing("b.html"),
        "/docs/b.html": refreshing("a.html"),
    }
    async with open_site(pages) as site:
        assert await crawl(site) == (["/docs/"], [])
        assert len(site.asked) == 4


async def test_a_start_page_that_refreshes_to_another_host_is_a_rejection_with_the_address():
    async with open_site({"/docs/": refreshing("https://example.org/manual/")}) as site:
        paths, [rejection] = await crawl(site)

    assert paths == []
    assert "use crawl:https://example.org/manual/ instead" in rejection.reason


def canonical(address: str, text: str, *links: str) -> Page:
    linked = "".join(f"<a href='{link}'></a>" for link in links)
    return Page(body=f"<link rel=canonical href='{address}'><p>{text}</p>{linked}".encode())


async def test_a_page_under_several_addresses_is_one_document_under_its_canonical_address():
    rules = canonical("/docs/rules/", "No glass near the pool.", "/docs/rules/?print=1", "/docs/rules/index.html")
    pages = {
        "/docs/": page("start", "rules/?sid=7", "rules/?utm_source=mail"),
        **{f"/docs/rules/{name}": rules for name in ("", "?sid=7", "?print=1", "index.html")},
    }
    async with open_site(pages) as site, open_crawl(site) as crawled:
        assert (crawled.paths, crawled.rejected, crawled.warnings) == (["/docs/", "/docs/rules/"], [], {})
        assert sorted(crawled.passed_over["duplicate address"]) == [
            "/docs/rules/?print=1",
            "/docs/rules/?sid=7",
            "/docs/rules/index.html",
        ]
        assert not [asked for asked in site.asked if "utm_source" in asked]
        assert await crawled.source.is_gone(site.url("/docs/rules/?sid=7"))


async def test_a_canonical_address_that_says_something_else_loses_no_page():
    pages = {
        "/docs/": canonical("/docs/", "Welcome", "a.html", "b.html"),
        "/docs/a.html": canonical("/docs/", "The price of a is 5."),
        "/docs/b.html": canonical("https://example.org/b", "The price of b is 6."),
    }
    async with open_site(pages) as site, open_crawl(site) as crawled:
        assert crawled.paths == ["/docs/", "/docs/a.html", "/docs/b.html"]
        assert crawled.warnings["wrong_canonical"][1:] == (1, ["/docs/a.html"])


async def test_a_page_that_a_script_fills_is_warned_about():
    shell = b"<title>App</title><div id=root></div><noscript>You need JavaScript.</noscript><script src=a.js></script>"
    async with open_site({"/docs/": Page(body=shell)}) as site, open_crawl(site) as crawled:
        assert crawled.warnings["needs_script"][1:] == (1, ["/docs/"])


async def test_links_of_frames_areas_and_next_pages_are_followed_with_the_base_of_the_page():
    body = b"<link rel=next href='n.html'><base href='/docs/v2/'><iframe src='f.html'></iframe><area href='a.html'>"
    pages = {"/docs/": Page(body=body)} | {f"/docs/v2/{name}.html": page(name) for name in "nfa"}
    async with open_site(pages) as site:
        assert await crawl(site) == (["/docs/", "/docs/v2/n.html", "/docs/v2/f.html", "/docs/v2/a.html"], [])


async def test_pages_that_were_not_found_are_gone_only_if_nothing_was_hidden_or_the_server_says_so():
    pages = {
        "/robots.txt": robots("User-agent: *\nDisallow: /docs/private/\n"),
        "/docs/": page("start", "secret.html"),
        "/docs/secret.html": page("secret"),
        "/docs/alive.html": page("alive"),
        "/docs/down.html": Page(status=500),
    }
    names = ("dead.html", "alive.html", "down.html", "secret.html", "private/x.html")

    async def gone(site: Site) -> dict[str, bool]:
        async with open_crawl(site) as crawled:
            return {name: await crawled.source.is_gone(site.url(f"/docs/{name}")) for name in names[:3] + names[4:]}

    async with open_site(pages) as site:
        assert await gone(site) == {"dead.html": True, "alive.html": True, "down.html": True, "private/x.html": False}
    async with open_site(pages | {"/docs/secret.html": Page(status=403)}) as site:
        assert await gone(site) == {"dead.html": True, "alive.html": False, "down.html": False, "private/x.html": False}
    async with open_site(pages | {"/docs/": Page(status=503)}) as site:
        assert set((await gone(site)).values()) == {False}
