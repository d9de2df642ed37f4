"""One page or file from a web server."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from yarl import URL

from ingest.sources.base import Unit, Unmodified
from ingest.sources.identity import document_id_of
from ingest.sources.web.fetching import Answer, Fetcher, MayFollow, anywhere
from ingest.sources.web.urls import to_url, uri_of
from rag.errors import InvalidInput
from rag.formats import media_type_of
from rag.types import MediaType, RawDocument

_TEXT: Final = {"application/json", "application/x-ndjson"}


class WebSource:
    """Finds what one http(s) URL answers; `robots.txt` does not bind a person who names a page."""

    passed_over = 0

    def __init__(self, url: str, *, fetcher: Fetcher, max_bytes: int) -> None:
        """Raises InvalidInput where `url` names no host."""
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
        """The page itself."""
        return uri == self._uri


async def fetch_page(
    fetcher: Fetcher, url: URL, validator: str, *, max_bytes: int, may_follow: MayFollow = anywhere
) -> RawDocument | Unmodified:
    """Keeps the address that was asked for, wherever redirects lead."""
    async with fetcher.get(url, validator=validator, may_follow=may_follow) as answer:
        if answer.is_unmodified:
            return Unmodified()
        return await to_document(answer, uri_of(url), max_bytes)


async def to_document(answer: Answer, uri: str, max_bytes: int) -> RawDocument:
    """Reads the body; raises `InvalidInput` before that where it is of a kind that cannot be taken in."""
    media_type = media_type_of(answer.url.path, answer.content_type)
    if media_type is None:
        raise InvalidInput(f"of a kind that cannot be taken in: {answer.content_type[:100] or 'unknown'}")
    body = await answer.read(max_bytes)
    if _is_text(media_type):
        body = _to_utf8(body, answer.charset)
    return RawDocument(id=document_id_of(uri), uri=uri, media_type=media_type, body=body, validator=answer.validator)


def _is_text(media_type: MediaType) -> bool:
    return media_type.startswith("text/") or media_type in _TEXT


def _to_utf8(body: bytes, charset: str | None) -> bytes:
    """The header's charset outranks the page's own; it reaches the parser as a UTF-8 byte order mark, as that does."""
    if charset is None or charset.lower() in {"utf-8", "utf8"}:
        return body
    try:
        return body.decode(charset).encode("utf-8-sig")
    except (LookupError, UnicodeError):
        # The header is wrong; the parser finds out by itself.
        return body
