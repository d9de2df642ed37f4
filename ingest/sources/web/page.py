"""A source of one page or file on a web server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from yarl import URL

from ingest.sources.base import Unit, Unmodified, document_id_of
from ingest.sources.notes import SourceNotes
from ingest.sources.web.fetching import Fetcher, MayFollow, WebResponse, follow_any
from ingest.sources.web.markup import read_markup
from ingest.sources.web.urls import to_url, uri_of, with_credentials_of
from rag.errors import InvalidInput
from rag.formats import FORMAT_NAMES, TEXT_MEDIA_TYPES
from rag.types import RawDocument

_MAX_REFRESHES = 5
# Documents of these formats have no title of their own, and the last part of their URL may be `download`.
_WITHOUT_TITLES = frozenset({"text/plain", "text/csv", "application/json", "application/x-ndjson"})


class PageSource:
    """A source of one http(s) URL; it ignores `robots.txt`, because the operator named this page explicitly."""

    def __init__(self, url: str, *, fetcher: Fetcher, max_bytes: int) -> None:
        """Open the source; raises `InvalidInput` if `url` is not a valid http(s) URL."""
        self._url = to_url(url)
        self._uri = uri_of(self._url)
        self._fetcher = fetcher
        self._max_bytes = max_bytes
        self.notes = SourceNotes()

    def count(self) -> int:
        return 1

    async def find(self) -> AsyncIterator[Unit]:
        fetch = partial(fetch_page, self._fetcher, self._url, max_bytes=self._max_bytes)
        yield Unit(id=document_id_of(self._uri), uri=self._uri, fetch=fetch)

    def covers(self, uri: str) -> bool:
        return uri == self._uri

    async def is_gone(self, uri: str) -> bool:  # noqa: ARG002
        return True


async def fetch_page(
    fetcher: Fetcher, url: URL, validator: str, *, max_bytes: int, may_follow: MayFollow = follow_any
) -> RawDocument | Unmodified:
    """Fetch a page; the document's URI is the requested URL even after redirects."""
    uri, requested = uri_of(url), url
    for _ in range(_MAX_REFRESHES + 1):
        async with fetcher.get(requested, validator=validator, may_follow=may_follow) as answer:
            if answer.is_unmodified:
                return Unmodified()
            document = await read_document(answer, uri, max_bytes)
            final_url = answer.url
        target = await asyncio.to_thread(_refresh_in, document, final_url)
        if target is None or not await may_follow(target):
            # The validator of a redirecting page does not show whether its target has changed.
            return document if requested is url else replace(document, validator="")
        requested, validator = with_credentials_of(url, target), ""
    raise InvalidInput(f"the page redirects more than {_MAX_REFRESHES} times by meta refresh")


async def read_document(answer: WebResponse, uri: str, max_bytes: int) -> RawDocument:
    """Read the body of an answer; raises `InvalidInput` without reading it if its format is not supported."""
    media_type = answer.media_type
    if media_type is None:
        declared = answer.content_type[:100] or "unknown"
        raise InvalidInput(f"unsupported content type {declared}; supported are {FORMAT_NAMES}")
    return RawDocument(
        id=document_id_of(uri),
        uri=uri,
        media_type=media_type,
        body=await answer.read(max_bytes),
        title=answer.declared_name if media_type in _WITHOUT_TITLES else "",
        charset=answer.charset if media_type in TEXT_MEDIA_TYPES else "",
        validator=answer.validator,
    )


def _refresh_in(document: RawDocument, url: URL) -> URL | None:
    # Most pages do not mention it, and reading the tags of a long page takes time.
    if document.media_type != "text/html" or b"refresh" not in document.body.lower():
        return None
    return read_markup(document.body, url, robot="", charset=document.charset).refresh
