"""Asks a web server whether a stored page still exists, if the source could not be listed completely."""

from yarl import URL

from ingest.sources.web.fetch_errors import GONE
from ingest.sources.web.fetching import Fetcher, MayFollow
from ingest.sources.web.urls import to_url, with_credentials_of
from rag.errors import InvalidInput, Unavailable

# A server that is down answers no request, and each request may last until the timeout.
_MAX_FAILURES = 20


class Presence:
    """The answers of one server about pages that a listing did not reach."""

    def __init__(self, fetcher: Fetcher, source: URL, may_follow: MayFollow) -> None:
        self._fetcher = fetcher
        self._source = source
        self._may_follow = may_follow
        self._failures = 0

    async def is_gone(self, uri: str) -> bool:
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
