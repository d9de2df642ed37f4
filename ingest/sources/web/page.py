"""A source of one page or file on a web server."""

from collections.abc import AsyncIterator
from functools import partial

from yarl import URL

from ingest.sources.base import Unit, Unmodified, document_id_of
from ingest.sources.web.fetching import Fetcher, MayFollow, WebResponse, follow_any
from ingest.sources.web.urls import to_url, uri_of
from rag.errors import InvalidInput
from rag.formats import FORMAT_NAMES, TEXT_MEDIA_TYPES, media_type_of
from rag.types import RawDocument


class PageSource:
    """A source of one http(s) URL; it ignores `robots.txt`, because the operator named this page explicitly."""

    passed_over = 0

    def __init__(self, url: str, *, fetcher: Fetcher, max_bytes: int) -> None:
        """Open the source; raises `InvalidInput` if `url` is not a valid http(s) URL."""
        self._url = to_url(url)
        self._uri = uri_of(self._url)
        self._fetcher = fetcher
        self._max_bytes = max_bytes

    def count(self) -> int:
        return 1

    async def find(self) -> AsyncIterator[Unit]:
        fetch = partial(fetch_page, self._fetcher, self._url, max_bytes=self._max_bytes)
        yield Unit(id=document_id_of(self._uri), uri=self._uri, fetch=fetch)

    def covers(self, uri: str) -> bool:
        return uri == self._uri


async def fetch_page(
    fetcher: Fetcher, url: URL, validator: str, *, max_bytes: int, may_follow: MayFollow = follow_any
) -> RawDocument | Unmodified:
    """Fetch a page; the document's URI is the requested URL even after redirects."""
    async with fetcher.get(url, validator=validator, may_follow=may_follow) as answer:
        if answer.is_unmodified:
            return Unmodified()
        return await read_document(answer, uri_of(url), max_bytes)


async def read_document(answer: WebResponse, uri: str, max_bytes: int) -> RawDocument:
    """Read the body of an answer; raises `InvalidInput` without reading it if its format is not supported."""
    media_type = media_type_of(answer.url.path, answer.content_type)
    if media_type is None:
        declared = answer.content_type[:100] or "unknown"
        raise InvalidInput(f"unsupported content type {declared}; supported are {FORMAT_NAMES}")
    return RawDocument(
        id=document_id_of(uri),
        uri=uri,
        media_type=media_type,
        body=await answer.read(max_bytes),
        charset=(answer.charset or "") if media_type in TEXT_MEDIA_TYPES else "",
        validator=answer.validator,
    )
