"""Obey robots.txt according to RFC 9309."""

import asyncio
from collections import defaultdict

from protego import Protego
from yarl import URL

from ingest.sources.web.fetch_errors import require_success
from ingest.sources.web.fetching import Fetcher, retry_listing
from rag.errors import InvalidInput, Unavailable

# The RFC requires crawlers to read at least 500 KiB.
_MAX_BYTES = 512 * 1024


class Robots:
    """The robots.txt rules of all hosts; each file is fetched once, before any other request to its host."""

    def __init__(self, fetcher: Fetcher, user_agent: str) -> None:
        self._fetcher = fetcher
        self.name = user_agent.partition("/")[0].strip()
        """The crawler's name in robots.txt and meta tags: the user agent without its version."""
        self._rules: dict[URL, Protego | InvalidInput | Unavailable] = {}
        self._locks: defaultdict[URL, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Held while a file is fetched, because many pages of a host ask for its rules at once."""

    async def allow(self, url: URL) -> bool:
        """Return True if the rules allow the page.

        Raises `InvalidInput` or `Unavailable` if the rules cannot be fetched: then the RFC forbids every page.
        """
        origin = url.origin()
        async with self._locks[origin]:
            if origin not in self._rules:
                self._rules[origin] = await self._load(url)
        rules = self._rules[origin]
        if isinstance(rules, Protego):
            return rules.can_fetch(str(url.with_user(None)), self.name)
        raise rules

    async def rejection_reason(self, url: URL) -> str:
        """Return why the page may not be fetched, or "" if it may."""
        try:
            return "" if await self.allow(url) else "robots.txt disallows it"
        except (InvalidInput, Unavailable) as error:
            return str(error)

    async def _load(self, url: URL) -> Protego | InvalidInput | Unavailable:
        # The error is kept, or every page would request robots.txt again.
        try:
            rules = Protego.parse(await retry_listing(lambda: self._read(url)))
        except (InvalidInput, Unavailable) as error:
            return type(error)(f"robots.txt cannot be fetched: {error}")
        self._fetcher.rate_limits.slow_down(url.host or "", rules.crawl_delay(self.name) or 0)
        return rules

    async def _read(self, url: URL) -> str:
        body = bytearray()
        async with self._fetcher.get_any(url.join(URL("/robots.txt"))) as answer:
            if 400 <= answer.status < 500 and answer.status != 429:
                return ""
            require_success(answer.status)
            async for piece in answer.pieces():
                body += piece
                if len(body) > _MAX_BYTES:
                    break
        return body[:_MAX_BYTES].decode("utf-8", "replace")
