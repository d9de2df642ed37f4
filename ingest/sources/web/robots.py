"""robots.txt, as RFC 9309 has it read."""

from typing import Final

from protego import Protego
from yarl import URL

from ingest.sources.web.fetch_errors import require_success
from ingest.sources.web.fetching import Fetcher, retry
from rag.errors import InvalidInput, Unavailable

# What the RFC has a crawler read at least; the rest is left unread.
_MAX_BYTES: Final = 512 * 1024


class Robots:
    """What the owner of a host asks of us there; read once a host, before anything else is asked of it."""

    def __init__(self, fetcher: Fetcher, user_agent: str) -> None:
        self._fetcher = fetcher
        self.name = user_agent.partition("/")[0].strip()
        """By which pages address us, without the version."""
        self._rules: dict[URL, Protego | InvalidInput | Unavailable] = {}

    async def allow(self, url: URL) -> bool:
        """Raises `InvalidInput` or `Unavailable` where the rules cannot be had: then nothing may be fetched."""
        rules = self._rules.get(url.origin())
        if rules is None:
            rules = self._rules[url.origin()] = await self._load(url)
        if isinstance(rules, Protego):
            return rules.can_fetch(str(url.with_user(None)), self.name)
        raise rules

    async def objection_to(self, url: URL) -> str:
        """Why the page may not be fetched, in one line; nothing where it may."""
        try:
            return "" if await self.allow(url) else "robots.txt asks not to fetch it"
        except (InvalidInput, Unavailable) as error:
            return str(error)

    async def _load(self, url: URL) -> Protego | InvalidInput | Unavailable:
        # What cannot be had is not asked for again with every page.
        try:
            rules = Protego.parse(await retry(lambda: self._read(url)))
        except (InvalidInput, Unavailable) as error:
            return type(error)(f"robots.txt cannot be had: {error}")
        self._fetcher.pace.slow_down(url.host or "", rules.crawl_delay(self.name) or 0)
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
