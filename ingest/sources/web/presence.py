"""Tells whether stored pages that the listing of a web source did not yield still exist."""

from yarl import URL

from ingest.sources.web.fetch_errors import GONE
from ingest.sources.web.fetching import Fetcher, MayFollow
from ingest.sources.web.robots import Robots
from ingest.sources.web.urls import to_url, with_credentials_of
from rag.errors import InvalidInput, Unavailable

# A server that is down answers no request, and each request may last until the timeout.
_MAX_FAILURES = 20


class Presence:
    """The completeness of one listing, and the answers of its server about the pages that it did not reach."""

    def __init__(self, fetcher: Fetcher, robots: Robots, source: URL, may_follow: MayFollow) -> None:
        self._fetcher = fetcher
        self._robots = robots
        self._source = source
        self._may_follow = may_follow
        self._failures = 0
        self.is_complete = True
        """False if a part of the source could not be listed, which hides the pages behind it."""
        self.has_listed_any = False

    async def is_gone(self, uri: str) -> bool:
        """Return True if a complete listing did not find the page, or else if the server says that it is gone."""
        if not self.has_listed_any:
            return False
        if self.is_complete:
            # A page that robots.txt forbids now was not looked for.
            return not await self._robots.rejection_reason(to_url(uri))
        return await self._is_gone_from_server(uri)

    async def _is_gone_from_server(self, uri: str) -> bool:
        """Return True only if the server says so: a page that is forbidden or unreachable may exist."""
        if self._failures >= _MAX_FAILURES:
            return False
        try:
            url = to_url(uri)
            if not await self._may_follow(url):
                return False
            requested = with_credentials_of(self._source, url)
            async with self._fetcher.get_any(requested, may_follow=self._may_follow) as answer:
                return answer.status in GONE
        except InvalidInput:
            return False
        except Unavailable:
            self._failures += 1
            return False
