"""A source of the pages that links reach, below the folder of the start page."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from mimetypes import MimeTypes
from typing import Final

from yarl import URL

from ingest.settings import Settings
from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.web.fetch_errors import RedirectRefused, require_success
from ingest.sources.web.fetching import Fetcher, retry_listing
from ingest.sources.web.links import read_links
from ingest.sources.web.page import fetch_page, read_document
from ingest.sources.web.robots import Robots
from ingest.sources.web.urls import Folder, to_url, uri_of, with_credentials_of
from rag.errors import InvalidInput, Unavailable
from rag.formats import media_type_of
from rag.types import RawDocument

# Pages fetched for their links wait here for the pipeline. Beyond this limit the oldest ones are fetched again.
_CACHE_BYTES: Final = 64 * 1024 * 1024
_GONE: Final = {404, 410}
# Python's own table, because the tables of operating systems differ.
_MIME_TYPES: Final = MimeTypes()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """The result of fetching one URL; all fields are empty for a dead link or an unsupported format."""

    url: URL
    document: RawDocument | None = None
    links: Sequence[URL] = ()
    rejection_reason: str = ""


class CrawlSource:
    """A source that crawls breadth-first and obeys the limits in the settings, `robots.txt` and robots meta tags."""

    passed_over = 0

    def __init__(self, url: str, *, fetcher: Fetcher, settings: Settings, ignore: Sequence[str] = ()) -> None:
        """Open the source; raises `InvalidInput` if `url` is not a valid http(s) URL."""
        self._start = to_url(url)
        self._folder = Folder(self._start, ignore)
        self._fetcher = fetcher
        self._robots = Robots(fetcher, settings.sources.user_agent)
        self._settings = settings.sources
        self._max_bytes = settings.max_document_bytes
        self._cache = _DocumentCache(_CACHE_BYTES)

    def count(self) -> None:
        return None

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        start = self._start.with_user(None).with_fragment(None)
        if reason := await self._robots.rejection_reason(start):
            yield Rejection(uri=uri_of(start), reason=reason)
            return
        async for visit in self._visits(start):
            if visit.rejection_reason:
                yield Rejection(uri=uri_of(visit.url), reason=visit.rejection_reason)
            elif visit.document is not None:
                yield self._to_unit(visit.url, visit.document)

    def covers(self, uri: str) -> bool:
        return self._folder.covers(uri)

    async def _visits(self, start: URL) -> AsyncIterator[_Visit]:
        """Fetch up to `per_host` pages concurrently, and yield them in breadth-first order."""
        frontier = _Frontier(start, max_pages=self._settings.max_pages, max_depth=self._settings.max_depth)
        in_flight: deque[tuple[asyncio.Task[_Visit], int]] = deque()
        seen: set[URL] = set()
        missed: dict[str, URL] = {}
        try:
            while frontier.waiting or in_flight:
                while frontier.waiting and len(in_flight) < self._settings.per_host:
                    url, depth = frontier.waiting.popleft()
                    in_flight.append((asyncio.create_task(self._visit(url, is_start=url == start)), depth))
                task, depth = in_flight.popleft()
                visit = await task
                if visit.url in seen:
                    # Another URL already redirected to this page.
                    continue
                seen.add(visit.url)
                frontier.known.add(visit.url)
                for link in visit.links:
                    try:
                        if await self._may_visit(link):
                            frontier.add(link, depth + 1)
                    except (InvalidInput, Unavailable) as error:
                        missed.setdefault(str(error), link)
                yield visit
        finally:
            for task, _ in in_flight:
                task.cancel()
            await asyncio.gather(*(task for task, _ in in_flight), return_exceptions=True)
        if frontier.is_truncated:
            reason = f"links to more than {self._settings.max_pages:,} pages; raise RAG_SOURCES__MAX_PAGES for more"
            missed[reason] = start
        # A rejection marks the listing as incomplete, so that `--prune` does not delete pages that were not visited.
        for reason, url in missed.items():
            yield _Visit(url=url, rejection_reason=reason)

    async def _visit(self, url: URL, *, is_start: bool) -> _Visit:
        try:
            return await retry_listing(lambda: self._fetch_once(url, is_start=is_start))
        except RedirectRefused as error:
            return _Visit(url=url, rejection_reason=str(error) if is_start else "")
        except (InvalidInput, Unavailable) as error:
            return _Visit(url=url, rejection_reason=str(error))

    async def _fetch_once(self, url: URL, *, is_start: bool) -> _Visit:
        requested = with_credentials_of(self._start, url)
        async with self._fetcher.get_any(requested, may_follow=self._may_visit) as answer:
            # A dead link or a link to a picture is not an error of the crawl.
            if answer.status in _GONE and not is_start:
                return _Visit(url=url)
            require_success(answer.status)
            if media_type_of(answer.url.path, answer.content_type) is None and not is_start:
                return _Visit(url=url)
            final_url, header = answer.url, answer.robots
            document = await read_document(answer, uri_of(final_url), self._max_bytes)
        if document.media_type != "text/html":
            return _Visit(url=final_url, document=document)
        links = await asyncio.to_thread(read_links, document.body, final_url, robot=self._robots.name, header=header)
        return _Visit(
            url=final_url,
            document=document if links.is_indexed else None,
            links=links.targets if links.is_followed else (),
        )

    async def _may_visit(self, url: URL) -> bool:
        return (
            url in self._folder
            and _may_be_document(url)
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


def _may_be_document(url: URL) -> bool:
    """Return False if the suffix alone shows an unsupported format, such as a picture or an archive."""
    content_type, compression = _MIME_TYPES.guess_type(url.path)
    return compression is None and (content_type is None or media_type_of(url.path, content_type) is not None)


class _Frontier:
    """The URLs still to be fetched; the URLs of one crawl never exceed `max_pages`."""

    def __init__(self, start: URL, *, max_pages: int, max_depth: int) -> None:
        self._max_pages = max_pages
        self._max_depth = max_depth
        self.waiting = deque([(start, 0)])
        self.known = {start}
        self.is_truncated = False

    def add(self, url: URL, depth: int) -> None:
        if url in self.known or depth > self._max_depth:
            return
        if len(self.known) >= self._max_pages:
            self.is_truncated = True
            return
        self.known.add(url)
        self.waiting.append((url, depth))


class _DocumentCache:
    """The newest fetched documents, up to `max_bytes` of their bodies."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._documents: OrderedDict[str, RawDocument] = OrderedDict()

    def put(self, document: RawDocument) -> None:
        self._documents[document.uri] = document
        self._bytes += len(document.body)
        while self._bytes > self._max_bytes:
            self.pop(next(iter(self._documents)))

    def pop(self, uri: str) -> RawDocument | None:
        document = self._documents.pop(uri, None)
        self._bytes -= len(document.body) if document else 0
        return document
