"""One page or file from a web server."""

from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from yarl import URL

from ingest.sources.base import Rejection
from ingest.sources.identity import document_id_of
from rag.errors import InvalidInput
from rag.media import media_type_of
from rag.types import RawDocument

_TIMEOUT: Final = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=30)
_MAX_REDIRECTS: Final = 5
_PIECE_BYTES: Final = 64 * 1024


class WebSource:
    """Yields what one http(s) URL answers; the session belongs to the caller."""

    def __init__(
        self,
        url: str,
        *,
        session: aiohttp.ClientSession,
        max_bytes: int,
        timeout: aiohttp.ClientTimeout = _TIMEOUT,
    ) -> None:
        """Raises InvalidInput where `url` names no host."""
        self._url = _to_url(url)
        # What is stored and shown names the page, not who may read it nor a place on it.
        self._uri = str(self._url.with_user(None).with_fragment(None))
        self._session = session
        self._max_bytes = max_bytes
        self._timeout = timeout

    def count(self) -> int:
        return 1

    async def read(self) -> AsyncIterator[RawDocument | Rejection]:
        try:
            yield await self._fetch()
        except InvalidInput as error:
            yield Rejection(uri=self._uri, reason=str(error))

    async def _fetch(self) -> RawDocument:
        try:
            async with self._session.get(self._url, timeout=self._timeout, max_redirects=_MAX_REDIRECTS) as response:
                return await self._to_document(response)
        except TimeoutError as error:
            raise InvalidInput("the server took too long to answer") from error
        except aiohttp.TooManyRedirects as error:
            raise InvalidInput(f"the server redirected more than {_MAX_REDIRECTS} times") from error
        except aiohttp.ClientError as error:
            raise InvalidInput(f"cannot be fetched: {_one_line(error)}") from error

    async def _to_document(self, response: aiohttp.ClientResponse) -> RawDocument:
        if not response.ok:
            raise InvalidInput(f"the server answered {response.status} {response.reason or ''}".rstrip())
        declared = response.headers.get("Content-Type", "")
        media_type = media_type_of(response.url.path, declared)
        if media_type is None:
            raise InvalidInput(f"neither Markdown, text, HTML nor PDF, but {declared or 'of unknown type'}")
        body = await self._read_at_most(response)
        if media_type != "application/pdf":
            body = _to_utf8(body, response.charset)
        return RawDocument(id=document_id_of(self._uri), uri=self._uri, media_type=media_type, body=body)

    async def _read_at_most(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        # The pieces come decompressed, so a small answer that unpacks to a huge one stops here too.
        async for piece in response.content.iter_chunked(_PIECE_BYTES):
            body += piece
            if len(body) > self._max_bytes:
                raise InvalidInput(f"larger than the limit of {self._max_bytes:,} bytes")
        return bytes(body)


def _to_url(text: str) -> URL:
    try:
        url = URL(text)
    except ValueError as error:
        raise InvalidInput(f"{text} is not a URL that can be fetched: {_one_line(error)}") from error
    if not url.host:
        raise InvalidInput(f"{text} names no host; write it like https://example.org/page.html.")
    return url


def _to_utf8(body: bytes, charset: str | None) -> bytes:
    """The header's charset outranks the page's own; it reaches the parser as a UTF-8 byte order mark, as that does."""
    if charset is None or charset.lower() in {"utf-8", "utf8"}:
        return body
    try:
        return body.decode(charset).encode("utf-8-sig")
    except (LookupError, UnicodeError):
        # The header is wrong; the parser finds out by itself.
        return body


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
