"""A source of the pages that a sitemap and its nested sitemaps list."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from yarl import URL

from ingest.settings import Settings
from ingest.sources.base import Rejection, Unit, Unmodified, document_id_of
from ingest.sources.notes import SourceNotes
from ingest.sources.web.fetching import Fetcher, retry_listing
from ingest.sources.web.page import fetch_page
from ingest.sources.web.presence import Presence
from ingest.sources.web.robots import Robots
from ingest.sources.web.sitemap_reader import SitemapEntry, SitemapReader
from ingest.sources.web.urls import Folder, link_to, to_url, uri_of, with_credentials_of
from rag.errors import InvalidInput, Unavailable
from rag.types import RawDocument

_MAX_DEPTH = 3
_MAX_SITEMAPS = 1_000
_NOT_A_URL = "Sitemaps list addresses that are not http(s) URLs, or too long."
_LASTMOD = "lastmod:"
# A lastmod date has no time and no time zone, so a page may change again under the same date.
_MIN_LASTMOD_AGE = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    url: URL
    lastmod: str


class SitemapSource:
    """A source of the listed pages below the sitemap's folder, as the protocol requires; it obeys `robots.txt`."""

    def __init__(self, url: str, *, fetcher: Fetcher, settings: Settings, ignore: Sequence[str] = ()) -> None:
        """Open the source; raises `InvalidInput` if `url` is not a valid http(s) URL."""
        self._url = to_url(url)
        self._folder = Folder(self._url, ignore)
        self._fetcher = fetcher
        self._robots = Robots(fetcher, settings.sources.user_agent)
        self._max_bytes = settings.max_document_bytes
        self._max_pages = settings.sources.max_pages
        self._trust_lastmod = settings.sources.trust_lastmod
        self._host = self._url.host_port_subcomponent
        self._begin()

    def _begin(self) -> None:
        self.notes = SourceNotes()
        self._presence = Presence(self._fetcher, self._robots, self._url, self._may_follow)

    def count(self) -> None:
        return None

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        self._begin()
        known: set[URL] = set()
        async for page in self._pages():
            if isinstance(page, Rejection):
                self._presence.is_complete = False
                yield page
            elif page.url not in self._folder:
                self.notes.warn("outside_source", self._why_outside(page.url), uri_of(page.url))
            elif page.url in known:
                continue
            elif self._folder.ignores(page.url):
                self.notes.pass_over("ignored", uri_of(page.url))
            elif len(known) == self._max_pages:
                self._presence.is_complete = False
                cut = f"The sitemap lists more than {self._max_pages:,} pages. Raise RAG_SOURCES__MAX_PAGES."
                self.notes.warn("cut_listing", cut, f"from {uri_of(page.url)} on")
                break
            else:
                known.add(page.url)
                unit = await self._to_unit(page)
                if unit is not None:
                    self._presence.has_listed_any |= isinstance(unit, Unit)
                    yield unit
        outside = [warning for warning in self.notes.warnings if warning.code == "outside_source"]
        if not known and outside:
            reason = f"lists no page of this source. {outside[0].message}"
            yield Rejection(uri=uri_of(self._url), reason=reason)

    def covers(self, uri: str) -> bool:
        return self._folder.covers(uri)

    async def is_gone(self, uri: str) -> bool:
        return await self._presence.is_gone(uri)

    async def _pages(self) -> AsyncIterator[_Page | Rejection]:
        """Yield the pages of the sitemap and of nested sitemaps, reading one sitemap at a time."""
        waiting = deque([(self._url, 0)])
        known = {self._url}
        while waiting:
            sitemap, depth = waiting.popleft()
            try:
                entries = await retry_listing(partial(self._read, sitemap))
            except (InvalidInput, Unavailable) as error:
                yield Rejection(uri=uri_of(sitemap), reason=str(error))
                continue
            for entry in entries:
                url = link_to(sitemap, entry.location)
                if url is None:
                    self.notes.warn("unlisted", _NOT_A_URL, f"{entry.location[:100]} in {uri_of(sitemap)}")
                elif entry.kind == "page":
                    yield _Page(url=url, lastmod=entry.lastmod)
                elif url in known:
                    continue
                elif url not in self._folder or depth == _MAX_DEPTH or len(known) == _MAX_SITEMAPS:
                    reason = (
                        f"a nested sitemap that {uri_of(self._url)} may not include: it is in another folder, "
                        f"nested more than {_MAX_DEPTH} levels deep, or beyond the first {_MAX_SITEMAPS:,}"
                    )
                    yield Rejection(uri=uri_of(url), reason=reason)
                else:
                    known.add(url)
                    waiting.append((url, depth + 1))

    async def _read(self, sitemap: URL) -> list[SitemapEntry]:
        """Return all entries of one sitemap, so that its connection closes before its pages are fetched."""
        reader = SitemapReader()
        entries: list[SitemapEntry] = []
        url = with_credentials_of(self._url, sitemap)
        async with self._fetcher.get(url, may_follow=self._may_follow) as answer:
            async for piece in answer.pieces():
                entries += reader.feed(piece)
                if len(entries) > self._max_pages + _MAX_SITEMAPS:
                    return entries
        return entries + reader.close()

    async def _to_unit(self, page: _Page) -> Unit | Rejection | None:
        """Return None for a page that robots.txt forbids."""
        uri = uri_of(page.url)
        try:
            is_allowed = await self._robots.allow(page.url)
        except (InvalidInput, Unavailable) as error:
            self._presence.is_complete = False
            return Rejection(uri=uri, reason=str(error))
        if not is_allowed:
            self.notes.pass_over("robots.txt", uri)
            return None
        return Unit(id=document_id_of(uri), uri=uri, fetch=partial(self._fetch, page))

    def _why_outside(self, url: URL) -> str:
        if url.host_port_subcomponent == self._host:
            return f"Pages outside the folder {self._folder.path} of the sitemap are skipped."
        return f"Pages of {url.host_port_subcomponent} are skipped, because the sitemap is on {self._host}."

    async def _fetch(self, page: _Page, validator: str) -> RawDocument | Unmodified:
        lastmod = ""
        if validator.startswith(_LASTMOD):
            # The sitemap's date, followed by the server's validator.
            lastmod, _, validator = validator.removeprefix(_LASTMOD).partition(" ")
        if self._trust_lastmod and lastmod and lastmod == page.lastmod:
            return Unmodified()
        fetched = await fetch_page(
            self._fetcher,
            with_credentials_of(self._url, page.url),
            validator,
            max_bytes=self._max_bytes,
            may_follow=self._may_follow,
        )
        if isinstance(fetched, RawDocument) and _is_old_enough(page.lastmod):
            return replace(fetched, validator=f"{_LASTMOD}{page.lastmod} {fetched.validator}".rstrip())
        return fetched

    async def _may_follow(self, url: URL) -> bool:
        return url in self._folder and await self._robots.allow(url)


def _is_old_enough(lastmod: str) -> bool:
    """Return True if a change from now on would get another date; False if `lastmod` is not a date."""
    try:
        changed = datetime.fromisoformat(lastmod)
    except ValueError:
        return False
    return (changed if changed.tzinfo else changed.replace(tzinfo=UTC)) < datetime.now(UTC) - _MIN_LASTMOD_AGE
