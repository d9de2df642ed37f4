"""The pages that links lead to, below the folder of the page where the crawl starts."""

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
from ingest.sources.selection import to_rules
from ingest.sources.web.fetch_errors import LeadsAway, require_success
from ingest.sources.web.fetching import Fetcher, retry
from ingest.sources.web.links import read_links
from ingest.sources.web.page import fetch_page, to_document
from ingest.sources.web.robots import Robots
from ingest.sources.web.urls import Folder, link_to, to_url, uri_of, with_credentials_of
from rag.errors import InvalidInput, Unavailable
from rag.formats import media_type_of
from rag.types import RawDocument

# Pages that were fetched for their links, and wait to be taken in. Beyond it the oldest are fetched a second time.
_KEPT_BYTES: Final = 64 * 1024 * 1024
_GONE: Final = {404, 410}
# Python's own table; those of machines differ.
_KINDS: Final = MimeTypes()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """What came of asking for one address: a document, links, a fault, or none of them."""

    url: URL
    document: RawDocument | None = None
    links: Sequence[URL] = ()
    fault: str = ""


class CrawlSource:
    """Finds pages breadth-first, within the bounds of the settings, `robots.txt` and what the pages themselves ask."""

    passed_over = 0

    def __init__(self, url: str, *, fetcher: Fetcher, settings: Settings, ignore: Sequence[str] = ()) -> None:
        """`ignore` sees paths relative to the start's folder; raises InvalidInput where `url` names no host."""
        self._start = to_url(url)
        self._folder = Folder(self._start)
        self._ignored = to_rules(ignore)
        self._fetcher = fetcher
        self._robots = Robots(fetcher, settings.sources.user_agent)
        self._settings = settings.sources
        self._max_bytes = settings.max_document_bytes
        self._kept = _Kept(_KEPT_BYTES)

    def count(self) -> None:
        return None

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        start = self._start.with_user(None).with_fragment(None)
        if fault := await self._robots.objection_to(start):
            yield Rejection(uri=uri_of(start), reason=fault)
            return
        async for visit in self._visits(start):
            if visit.fault:
                yield Rejection(uri=uri_of(visit.url), reason=visit.fault)
            elif visit.document is not None:
                yield self._to_unit(visit.url, visit.document)

    def covers(self, uri: str) -> bool:
        """Pages below the start's folder on its host that no ignore rule leaves out."""
        url = link_to(self._start, uri)
        return url is not None and url in self._folder and not self._ignores(url)

    async def _visits(self, start: URL) -> AsyncIterator[_Visit]:
        """As links lead to them: as many side by side as the host may be asked, but one after the other."""
        frontier = _Frontier(start, max_pages=self._settings.max_pages, max_depth=self._settings.max_depth)
        under_way: deque[tuple[asyncio.Task[_Visit], int]] = deque()
        seen: set[URL] = set()
        missed: dict[str, URL] = {}
        try:
            while frontier.waiting or under_way:
                while frontier.waiting and len(under_way) < self._settings.per_host:
                    url, depth = frontier.waiting.popleft()
                    under_way.append((asyncio.create_task(self._visit(url, is_start=url == start)), depth))
                task, depth = under_way.popleft()
                visit = await task
                if visit.url in seen:
                    # Another address redirected there before.
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
            for task, _ in under_way:
                task.cancel()
            await asyncio.gather(*(task for task, _ in under_way), return_exceptions=True)
        if frontier.is_cut:
            fault = f"leads to more than {self._settings.max_pages:,} pages; RAG_SOURCES__MAX_PAGES takes more in"
            missed[fault] = start
        # What was left out for these reasons is not gone.
        for fault, url in missed.items():
            yield _Visit(url=url, fault=fault)

    async def _visit(self, url: URL, *, is_start: bool) -> _Visit:
        try:
            return await retry(lambda: self._ask(url, is_start=is_start))
        except LeadsAway as error:
            return _Visit(url=url, fault=str(error) if is_start else "")
        except (InvalidInput, Unavailable) as error:
            return _Visit(url=url, fault=str(error))

    async def _ask(self, url: URL, *, is_start: bool) -> _Visit:
        asked = with_credentials_of(self._start, url)
        async with self._fetcher.get_any(asked, may_follow=self._may_visit) as answer:
            # A link that is dead, or leads to a picture, is no fault of the documents.
            if answer.status in _GONE and not is_start:
                return _Visit(url=url)
            require_success(answer.status)
            if media_type_of(answer.url.path, answer.content_type) is None and not is_start:
                return _Visit(url=url)
            found, header = answer.url, answer.robots
            document = await to_document(answer, uri_of(found), self._max_bytes)
        if document.media_type != "text/html":
            return _Visit(url=found, document=document)
        links = await asyncio.to_thread(read_links, document.body, found, robot=self._robots.name, header=header)
        return _Visit(
            url=found,
            document=document if links.is_indexed else None,
            links=links.targets if links.is_followed else (),
        )

    async def _may_visit(self, url: URL) -> bool:
        return (
            url in self._folder and _may_be_document(url) and not self._ignores(url) and await self._robots.allow(url)
        )

    def _ignores(self, url: URL) -> bool:
        return self._ignored.match_file(self._folder.path_of(url))

    def _to_unit(self, url: URL, document: RawDocument) -> Unit:
        self._kept.put(document)
        return Unit(id=document.id, uri=document.uri, fetch=partial(self._fetch, url))

    async def _fetch(self, url: URL, validator: str) -> RawDocument | Unmodified:
        document = self._kept.take(uri_of(url))
        if document is None:
            asked = with_credentials_of(self._start, url)
            return await fetch_page(
                self._fetcher, asked, validator, max_bytes=self._max_bytes, may_follow=self._may_visit
            )
        return Unmodified() if validator and validator == document.validator else document


def _may_be_document(url: URL) -> bool:
    """False where the name alone says that it is a picture, an archive or the like."""
    kind, packing = _KINDS.guess_type(url.path)
    return packing is None and (kind is None or media_type_of(url.path, kind) is not None)


class _Frontier:
    """What is still to be asked for; never more addresses than a crawl may ask for."""

    def __init__(self, start: URL, *, max_pages: int, max_depth: int) -> None:
        self._max_pages = max_pages
        self._max_depth = max_depth
        self.waiting = deque([(start, 0)])
        self.known = {start}
        self.is_cut = False

    def add(self, url: URL, depth: int) -> None:
        if url in self.known or depth > self._max_depth:
            return
        if len(self.known) >= self._max_pages:
            self.is_cut = True
            return
        self.known.add(url)
        self.waiting.append((url, depth))


class _Kept:
    """Documents until they are taken, the newest of them, up to so many bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._documents: OrderedDict[str, RawDocument] = OrderedDict()

    def put(self, document: RawDocument) -> None:
        self._documents[document.uri] = document
        self._bytes += len(document.body)
        while self._bytes > self._max_bytes:
            self.take(next(iter(self._documents)))

    def take(self, uri: str) -> RawDocument | None:
        document = self._documents.pop(uri, None)
        self._bytes -= len(document.body) if document else 0
        return document
