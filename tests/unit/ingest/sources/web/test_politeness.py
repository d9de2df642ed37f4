"""Limits and rules of a web server hold for requests that are made at the same time."""

import asyncio
import time

from yarl import URL

from ingest.settings import Settings, SourceSettings
from ingest.sources.web.fetching import open_fetcher
from ingest.sources.web.rate_limits import RateLimits
from ingest.sources.web.robots import Robots
from tests.support.fakes.site import Page, open_site


async def test_a_pause_also_holds_for_a_request_that_waits_for_its_start():
    limits = RateLimits(SourceSettings(delay=0.05, per_host=2))

    async def request() -> float:
        async with limits.slot("example.org"):
            return time.monotonic()

    await request()
    waiting = asyncio.create_task(request())
    await asyncio.sleep(0)
    paused = time.monotonic()
    limits.pause("example.org", 0.3)
    assert await waiting - paused >= 0.3


async def test_pages_that_ask_for_the_rules_at_once_request_robots_txt_once():
    async with (
        open_site({"/robots.txt": Page(body=b"User-agent: *\nDisallow: /private/", headers={})}) as site,
        open_fetcher(Settings(sources=SourceSettings(allow_private=True, delay=0))) as fetcher,
    ):
        robots = Robots(fetcher, "groundwork/1")
        paths = ("/a.html", "/private/b.html", "/c.html")
        assert await asyncio.gather(*(robots.allow(URL(site.url(path))) for path in paths)) == [True, False, True]
        assert site.asked == ["/robots.txt"]
