"""robots.txt, as RFC 9309 has it read."""

from typing import Final

from protego import Protego
from yarl import URL

from ingest.sources.fetch_errors import require_success
from ingest.sources.fetching import Fetcher, patiently
from rag.errors import InvalidInput, Unavailable

# What the RFC has a crawler read at least; the rest is left unread.
_MAX_BYTES: Final = 512 * 1024


class Robots:
    """What the owner of a host asks of us there; read once a host, before anything else is asked of it."""

    def __init__(self, fetcher: Fetcher, user_agent: str) -> None:
        self._fetcher = fetcher
        self.name = user_agent.partition("/")[0].strip()
        """By which pages address us, without the version."""
        self._rules: dict[URL, Protego] = {}

    async def load(self, url: URL) -> None:
        """Raises `InvalidInput` or `Unavailable` where the rules cannot be had: then nothing may be fetched."""
        if url.origin() not in self._rules:
            rules = Protego.parse(await patiently(lambda: self._read(url)))
            self._fetcher.pace.slow_down(url.host or "", rules.crawl_delay(self.name) or 0)
            self._rules[url.origin()] = rules

    def allows(self, url: URL) -> bool:
        """False for a host whose rules were not loaded."""
        rules = self._rules.get(url.origin())
        return rules is not None and rules.can_fetch(str(url.with_user(None)), self.name)

    async def load_and_allow(self, url: URL) -> bool:
        """False too where the rules cannot be had."""
        try:
            await self.load(url)
        except (InvalidInput, Unavailable):
            return False
        return self.allows(url)

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
