"""The pages of a crawl: pages to fetch, fetched pages, and pages that have several addresses."""

from collections import OrderedDict, deque

from yarl import URL

from ingest.sources.web.markup import Markup, Wording
from ingest.sources.web.urls import address_key, uri_of
from rag.types import RawDocument

# The links beyond a limit are counted up to this number, so that an endless site does not fill memory.
_MAX_COUNTED = 100_000


class Frontier:
    """The URLs still to be fetched; the URLs of one crawl never exceed `max_pages`."""

    def __init__(self, start: URL, *, max_pages: int, max_depth: int) -> None:
        self._max_pages = max_pages
        self._max_depth = max_depth
        self._waiting = deque([(start, 0)])
        self._known = {start}
        self._too_deep: dict[URL, None] = {}
        self._too_many: dict[URL, None] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def pop(self) -> tuple[URL, int]:
        """Return the next URL and the number of links from the start to it."""
        return self._waiting.popleft()

    def add(self, url: URL, depth: int, *, first: bool = False) -> None:
        """Add a URL, unless it is known or beyond a limit. `first` fetches it before all others."""
        if url in self._known:
            return
        if depth > self._max_depth:
            _count(self._too_deep, url)
        elif self.claim(url):
            (self._waiting.appendleft if first else self._waiting.append)((url, depth))

    def claim(self, url: URL) -> bool:
        """Return True if this URL may be fetched without going through the queue."""
        if url not in self._known and len(self._known) >= self._max_pages:
            _count(self._too_many, url)
            return False
        self._known.add(url)
        return True

    @property
    def too_deep(self) -> list[URL]:
        """The links that were not followed because of the depth."""
        return [url for url in self._too_deep if url not in self._known]

    @property
    def too_many(self) -> list[URL]:
        """The links that were not followed because of the number of pages."""
        return list(self._too_many)


def _count(links: dict[URL, None], url: URL) -> None:
    if len(links) < _MAX_COUNTED:
        links[url] = None


class Addresses:
    """Recognises a page under its second address."""

    def __init__(self) -> None:
        self._wordings: dict[str, Wording] = {}
        self._duplicates: set[str] = set()

    def is_duplicate(self, uri: str) -> bool:
        return uri in self._duplicates

    def add(self, url: URL, markup: Markup) -> bool:
        """Return True if a page with the same text has this address in another spelling, or the same canonical one."""
        keys = {address_key(other) for other in (url, markup.canonical) if other is not None}
        if any(key in self._wordings and markup.wording.is_within(self._wordings[key]) for key in keys):
            self._duplicates.add(uri_of(url))
            return True
        for key in keys:
            self._wordings.setdefault(key, markup.wording)
        return False


class DocumentCache:
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
