"""The pages that a sitemap names, and the sitemaps that it names in turn."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from yarl import URL

from ingest.settings import Settings
from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.identity import document_id_of
from ingest.sources.selection import to_rules
from ingest.sources.web.fetching import Fetcher, retry
from ingest.sources.web.page import fetch_page
from ingest.sources.web.robots import Robots
from ingest.sources.web.sitemap_xml import Entry, SitemapReader
from ingest.sources.web.urls import Folder, link_to, to_url, uri_of, with_credentials_of
from rag.errors import InvalidInput, Unavailable
from rag.types import RawDocument

_MAX_DEPTH: Final = 3
_MAX_SITEMAPS: Final = 1_000
_LASTMOD: Final = "lastmod:"
# A date without a time may mean any time of that day, anywhere.
_SETTLED: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    url: URL
    lastmod: str


class SitemapSource:
    """Finds the pages below the sitemap's own folder on its host, as the protocol has it; `robots.txt` is heeded."""

    passed_over = 0

    def __init__(self, url: str, *, fetcher: Fetcher, settings: Settings, ignore: Sequence[str] = ()) -> None:
        """`ignore` sees paths relative to the sitemap's folder; raises InvalidInput where `url` names no host."""
        self._url = to_url(url)
        self._folder = Folder(self._url)
        self._ignored = to_rules(ignore)
        self._fetcher = fetcher
        self._robots = Robots(fetcher, settings.sources.user_agent)
        self._max_bytes = settings.max_document_bytes
        self._max_pages = settings.sources.max_pages
        self._trust_lastmod = settings.sources.trust_lastmod

    def count(self) -> None:
        return None

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        known: set[URL] = set()
        outside: URL | None = None
        async for page in self._pages():
            if isinstance(page, Rejection):
                yield page
            elif page.url not in self._folder:
                outside = outside or page.url
            elif page.url in known or self._ignores(page.url):
                continue
            elif len(known) == self._max_pages:
                yield Rejection(
                    uri=uri_of(self._url),
                    reason=f"names more than {self._max_pages:,} pages; RAG_SOURCES__MAX_PAGES takes more in",
                )
                return
            else:
                known.add(page.url)
                yield await self._to_unit(page)
        if outside:
            reason = f"names pages outside {self._folder.path}, which were left out, such as {outside}"
            yield Rejection(uri=uri_of(self._url), reason=reason)

    def covers(self, uri: str) -> bool:
        """Pages below the sitemap's folder on its host that no ignore rule leaves out."""
        url = link_to(self._url, uri)
        return url is not None and url in self._folder and not self._ignores(url)

    def _ignores(self, url: URL) -> bool:
        return self._ignored.match_file(self._folder.path_of(url))

    async def _pages(self) -> AsyncIterator[_Page | Rejection]:
        """What the sitemap and those below it name, each read when its turn comes."""
        waiting = deque([(self._url, 0)])
        known = {self._url}
        while waiting:
            sitemap, depth = waiting.popleft()
            try:
                entries = await retry(partial(self._read, sitemap))
            except (InvalidInput, Unavailable) as error:
                yield Rejection(uri=uri_of(sitemap), reason=str(error))
                continue
            for entry in entries:
                url = link_to(sitemap, entry.location)
                if url is None:
                    yield Rejection(
                        uri=uri_of(sitemap), reason=f"names {entry.location[:100]}, which is no web address"
                    )
                elif entry.kind == "page":
                    yield _Page(url=url, lastmod=entry.lastmod)
                elif url in known:
                    continue
                elif url not in self._folder or depth == _MAX_DEPTH or len(known) == _MAX_SITEMAPS:
                    yield Rejection(uri=uri_of(url), reason=f"a sitemap beyond the bounds of {uri_of(self._url)}")
                else:
                    known.add(url)
                    waiting.append((url, depth + 1))

    async def _read(self, sitemap: URL) -> list[Entry]:
        """All that one sitemap names, so that no connection stays open for as long as its pages take."""
        reader = SitemapReader()
        entries: list[Entry] = []
        url = with_credentials_of(self._url, sitemap)
        async with self._fetcher.get(url, may_follow=self._may_follow) as answer:
            async for piece in answer.pieces():
                entries += reader.feed(piece)
                if len(entries) > self._max_pages + _MAX_SITEMAPS:
                    return entries
        return entries + reader.close()

    async def _to_unit(self, page: _Page) -> Unit | Rejection:
        uri = uri_of(page.url)
        if objection := await self._robots.objection_to(page.url):
            return Rejection(uri=uri, reason=objection)
        return Unit(id=document_id_of(uri), uri=uri, fetch=partial(self._fetch, page))

    async def _fetch(self, page: _Page, validator: str) -> RawDocument | Unmodified:
        lastmod, validator = _split(validator)
        if self._trust_lastmod and lastmod and lastmod == page.lastmod:
            return Unmodified()
        fetched = await fetch_page(
            self._fetcher,
            with_credentials_of(self._url, page.url),
            validator,
            max_bytes=self._max_bytes,
            may_follow=self._may_follow,
        )
        if isinstance(fetched, RawDocument) and _is_settled(page.lastmod):
            return replace(fetched, validator=f"{_LASTMOD}{page.lastmod} {fetched.validator}".rstrip())
        return fetched

    async def _may_follow(self, url: URL) -> bool:
        return url in self._folder and await self._robots.allow(url)


def _split(validator: str) -> tuple[str, str]:
    """The sitemap's date, and the server's own validator behind it."""
    if not validator.startswith(_LASTMOD):
        return "", validator
    lastmod, _, rest = validator.removeprefix(_LASTMOD).partition(" ")
    return lastmod, rest


def _is_settled(lastmod: str) -> bool:
    """Whether the date is one, and so long ago that another change since would show another date."""
    try:
        changed = datetime.fromisoformat(lastmod)
    except ValueError:
        return False
    return (changed if changed.tzinfo else changed.replace(tzinfo=UTC)) < datetime.now(UTC) - _SETTLED
