"""A source of the pages that links reach, below the folder of the start page."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from yarl import URL

from ingest.settings import Settings
from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.notes import SourceNotes
from ingest.sources.selection import kind_of
from ingest.sources.web.fetch_errors import GONE, RedirectRefused, require_success
from ingest.sources.web.fetching import Fetcher, retry_listing
from ingest.sources.web.frontier import Addresses, DocumentCache, Frontier
from ingest.sources.web.markup import Markup, read_markup
from ingest.sources.web.page import fetch_page, read_document
from ingest.sources.web.presence import Presence
from ingest.sources.web.robots import Robots
from ingest.sources.web.urls import Folder, may_be_document, to_url, uri_of, with_credentials_of, without_tracking
from rag.errors import InvalidInput, Unavailable
from rag.formats import IMAGE_MEDIA_TYPES
from rag.types import RawDocument

# Pages fetched for their links wait here for the pipeline. Beyond this limit the oldest ones are fetched again.
_CACHE_BYTES = 64 * 1024 * 1024
# Excluded links are counted once each, up to this number of different ones.
_MAX_REMEMBERED = 100_000
_OUTSIDE = "Pages redirect to addresses outside this source, so they were not read."
_WRONG_CANONICAL = "Pages name another page as their canonical address, but it says something else: both were ingested."
_NEEDS_SCRIPT = "Pages have no text before a script fills them, so their text is missing."
_MANY_LINKS = "Pages have more than 10,000 links, and only the first of them were followed."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """The result of fetching one URL; without a document, one of the last three fields says why."""

    url: URL
    document: RawDocument | None = None
    markup: Markup | None = None
    """Set if the document is HTML."""
    rejection_reason: str = ""
    passed_over: str = ""
    """The kind of page that the rules of a crawl exclude."""
    leads_outside: str = ""


class CrawlSource:
    """A source that crawls breadth-first and obeys the limits in the settings, `robots.txt` and robots meta tags."""

    def __init__(self, url: str, *, fetcher: Fetcher, settings: Settings, ignore: Sequence[str] = ()) -> None:
        """Open the source; raises `InvalidInput` if `url` is not a valid http(s) URL."""
        self._start = to_url(url)
        self._folder = Folder(self._start, ignore)
        self._fetcher = fetcher
        self._robots = Robots(fetcher, settings.sources.user_agent)
        self._settings = settings.sources
        self._max_bytes = settings.max_document_bytes
        self._cache = DocumentCache(_CACHE_BYTES)
        self._begin()

    def _begin(self) -> None:
        self.notes = SourceNotes()
        self._addresses = Addresses()
        self._excluded: set[URL] = set()
        self._presence = Presence(self._fetcher, self._robots, self._start, self._may_visit)

    def count(self) -> None:
        return None

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        self._begin()
        start = self._start.with_user(None).with_fragment(None)
        if reason := await self._robots.rejection_reason(start):
            self._presence.is_complete = False
            yield Rejection(uri=uri_of(start), reason=reason)
            return
        async for visit in self._visits(start):
            if visit.rejection_reason:
                self._presence.is_complete = False
                yield Rejection(uri=uri_of(visit.url), reason=visit.rejection_reason)
            elif visit.document is not None:
                self._presence.has_listed_any = True
                yield self._to_unit(visit.url, visit.document)

    def covers(self, uri: str) -> bool:
        return self._folder.covers(uri)

    async def is_gone(self, uri: str) -> bool:
        return self._addresses.is_duplicate(uri) or await self._presence.is_gone(uri)

    async def _visits(self, start: URL) -> AsyncIterator[_Visit]:
        """Fetch up to `per_host` pages concurrently, and yield them in breadth-first order."""
        frontier = Frontier(start, max_pages=self._settings.max_pages, max_depth=self._settings.max_depth)
        in_flight: deque[tuple[asyncio.Task[_Visit], int]] = deque()
        seen: set[URL] = set()
        missed: dict[str, URL] = {}
        try:
            while frontier or in_flight:
                while frontier and len(in_flight) < self._settings.per_host:
                    url, depth = frontier.pop()
                    if url not in seen:
                        in_flight.append((asyncio.create_task(self._visit(url, is_start=url == start)), depth))
                if not in_flight:
                    break
                task, depth = in_flight.popleft()
                visit = await task
                for found in (await self._canonical_visit(visit, seen, frontier), visit):
                    # Another URL may have redirected to this page already.
                    if found is None or found.url in seen:
                        continue
                    seen.add(found.url)
                    frontier.claim(found.url)
                    settled = self._settled(found, seen)
                    await self._follow(settled, depth, frontier, missed)
                    yield settled
        finally:
            for task, _ in in_flight:
                task.cancel()
            await asyncio.gather(*(task for task, _ in in_flight), return_exceptions=True)
        self._note_limits(frontier)
        for reason, url in missed.items():
            yield _Visit(url=url, rejection_reason=reason)

    async def _canonical_visit(self, visit: _Visit, seen: set[URL], frontier: Frontier) -> _Visit | None:
        """Fetch the page that this one calls its own address, so that the text is stored under that address."""
        canonical = visit.markup.canonical if visit.markup and visit.document else None
        if canonical is None or canonical in {*seen, visit.url} or visit.url in seen:
            return None
        if not (await self._is_allowed(canonical) and frontier.claim(canonical)):
            return None
        found = await self._visit(canonical, is_start=False)
        return found if found.document is not None else None

    def _settled(self, visit: _Visit, seen: set[URL]) -> _Visit:
        """Return the visit without its document if the page is not one of its own."""
        if visit.leads_outside:
            self._presence.is_complete = False
            self.notes.warn("outside_source", _OUTSIDE, f"{uri_of(visit.url)} to {visit.leads_outside}")
        markup = visit.markup
        if markup is None or visit.document is None:
            if visit.passed_over:
                self.notes.pass_over(visit.passed_over, uri_of(visit.url))
            return visit
        if not markup.is_indexed:
            return self._without_document(visit, "noindex")
        if self._addresses.add(visit.url, markup):
            return self._without_document(visit, "duplicate address")
        if markup.canonical in seen and markup.canonical != visit.url:
            self.notes.warn("wrong_canonical", _WRONG_CANONICAL, uri_of(visit.url))
        if markup.needs_script:
            self.notes.warn("needs_script", _NEEDS_SCRIPT, uri_of(visit.url))
        return visit

    def _without_document(self, visit: _Visit, kind: str) -> _Visit:
        self.notes.pass_over(kind, uri_of(visit.url))
        return replace(visit, document=None)

    async def _follow(self, visit: _Visit, depth: int, frontier: Frontier, missed: dict[str, URL]) -> None:
        markup = visit.markup
        if markup is None:
            return
        if markup.is_truncated:
            self._presence.is_complete = False
            self.notes.warn("cut_listing", _MANY_LINKS, uri_of(visit.url))
        if not markup.is_followed:
            self.notes.pass_over("nofollow", uri_of(visit.url))
            return
        for link in markup.unfollowed:
            if link in self._folder:
                self._exclude(link, "nofollow")
        if markup.refresh is not None and await self._is_allowed(markup.refresh):
            frontier.add(without_tracking(markup.refresh), depth, first=True)
        for link in map(without_tracking, markup.targets):
            try:
                if await self._may_follow_link(link):
                    frontier.add(link, depth + 1)
            except (InvalidInput, Unavailable) as error:
                missed.setdefault(str(error), link)

    def _note_limits(self, frontier: Frontier) -> None:
        deep = f"Links were not followed, because they are more than {self._settings.max_depth:,} links from the start."
        many = f"Links were not followed, because a crawl is limited to {self._settings.max_pages:,} pages."
        for url in frontier.too_deep:
            self.notes.warn("cut_depth", f"{deep} Raise RAG_SOURCES__MAX_DEPTH.", uri_of(url))
        for url in frontier.too_many:
            self.notes.warn("cut_listing", f"{many} Raise RAG_SOURCES__MAX_PAGES.", uri_of(url))
        if frontier.too_deep or frontier.too_many:
            self._presence.is_complete = False

    async def _visit(self, url: URL, *, is_start: bool) -> _Visit:
        try:
            return await retry_listing(lambda: self._fetch_once(url, is_start=is_start))
        except RedirectRefused as error:
            if is_start:
                return _Visit(url=url, rejection_reason=f"{error}; use crawl:{error.target} instead")
            return _Visit(url=url, leads_outside=uri_of(error.target))
        except (InvalidInput, Unavailable) as error:
            return _Visit(url=url, rejection_reason=str(error))

    async def _fetch_once(self, url: URL, *, is_start: bool) -> _Visit:
        requested = with_credentials_of(self._start, url)
        async with self._fetcher.get_any(requested, may_follow=self._may_visit) as answer:
            # A dead link or a link to a picture is not an error of the crawl.
            if answer.status in GONE and not is_start:
                return _Visit(url=url, passed_over="dead link")
            require_success(answer.status)
            is_picture = answer.media_type in IMAGE_MEDIA_TYPES
            if (answer.media_type is None or is_picture) and not is_start:
                return _Visit(url=url, passed_over=kind_of(url.path, answer.content_type))
            final_url, header = answer.url, answer.robots
            document = await read_document(answer, uri_of(final_url), self._max_bytes)
        if document.media_type != "text/html":
            return _Visit(url=final_url, document=document)
        markup = await asyncio.to_thread(
            read_markup, document.body, final_url, robot=self._robots.name, header=header, charset=document.charset
        )
        if markup.refresh is None:
            return _Visit(url=final_url, document=document, markup=markup)
        if await self._may_visit(markup.refresh):
            return _Visit(url=final_url, markup=markup, passed_over="meta refresh")
        if is_start:
            raise RedirectRefused(markup.refresh)
        return _Visit(url=final_url, document=document, markup=markup, leads_outside=uri_of(markup.refresh))

    async def _may_follow_link(self, url: URL) -> bool:
        """Return True for a page of this source; what its rules exclude is noted."""
        if url not in self._folder:
            return False
        if self._folder.ignores(url):
            kind = "ignored"
        elif not may_be_document(url):
            kind = kind_of(url.path)
        else:
            kind = "" if await self._robots.allow(url) else "robots.txt"
        if kind:
            self._exclude(url, kind)
        return not kind

    def _exclude(self, url: URL, kind: str) -> None:
        if url not in self._excluded and len(self._excluded) < _MAX_REMEMBERED:
            self._excluded.add(url)
            self.notes.pass_over(kind, uri_of(url))

    async def _is_allowed(self, url: URL) -> bool:
        try:
            return await self._may_visit(url)
        except (InvalidInput, Unavailable):
            return False

    async def _may_visit(self, url: URL) -> bool:
        return (
            url in self._folder
            and may_be_document(url)
            and not self._folder.ignores(url)
            and await self._robots.allow(url)
        )

    def _to_unit(self, url: URL, document: RawDocument) -> Unit:
        self._cache.put(document)
        return Unit(id=document.id, uri=document.uri, fetch=partial(self._fetch, url))

    async def _fetch(self, url: URL, validator: str) -> RawDocument | Unmodified:
        document = self._cache.pop(uri_of(url))
        if document is None:
            requested = with_credentials_of(self._start, url)
            return await fetch_page(
                self._fetcher, requested, validator, max_bytes=self._max_bytes, may_follow=self._may_visit
            )
        return Unmodified() if validator and validator == document.validator else document
