"""The HTTP client of all web sources: limits, redirects, conditional requests and forbidden addresses."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from email.message import Message
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from ingest.settings import Settings
from ingest.sources.base import require_size
from ingest.sources.web.addresses import MayConnect, is_not_metadata, is_public
from ingest.sources.web.decompression import decompress
from ingest.sources.web.fetch_errors import AddressRefused, RedirectRefused, http_errors, require_success
from ingest.sources.web.rate_limits import RateLimits
from ingest.sources.web.urls import redirect_target
from rag.errors import InvalidInput, Unavailable
from rag.formats import charset_of, media_type_of
from rag.gate import Gate
from rag.upstream import to_seconds

_MAX_REDIRECTS = 5
_MAX_DISPOSITION = 1_000
_PIECE_BYTES = 64 * 1024
# The pipeline bounds how many fetches exist. This bound only has to exceed that number.
_MAX_WAITING = 10_000
_RETRY_DELAYS_SECONDS = (0.5, 2.0)
# The prefixes of validators, which detect whether a page has changed.
_ETAG = "etag:"
_MODIFIED = "modified:"

MayFollow = Callable[[URL], Awaitable[bool]]
T = TypeVar("T")


async def follow_any(_: URL) -> bool:
    """Follow every redirect, for a page that the operator named explicitly."""
    return True


class WebResponse:
    """A response whose head has arrived; the body is read on demand."""

    def __init__(self, response: aiohttp.ClientResponse, *, is_unmodified: bool) -> None:
        self._response = response
        self.url = response.url
        """The URL after redirects."""
        self.status = response.status
        self.is_unmodified = is_unmodified
        """True if the page has not changed since the validator in the request."""
        self.content_type = response.headers.get("Content-Type", "")
        self.charset = charset_of(self.content_type)
        self.declared_name = _declared_name_of(response)
        """The file name in `Content-Disposition`, or ""."""
        self.media_type = media_type_of(self.declared_name or response.url.path, self.content_type)
        """The format of the body, or None if it is not supported."""
        self.validator = _validator_of(response.headers)
        self.robots = ",".join(response.headers.getall("X-Robots-Tag", []))

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the decompressed body as it arrives."""
        encoding = self._response.headers.get("Content-Encoding", "")
        async for piece in decompress(self._response.content.iter_chunked(_PIECE_BYTES), encoding):
            yield piece

    async def read(self, max_bytes: int) -> bytes:
        """Return the body; raises `InvalidInput` if it is larger, without reading it if its length is declared."""
        require_size(self._response.content_length or 0, max_bytes)
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            require_size(len(body), max_bytes)
        return bytes(body)


class Fetcher:
    """An HTTP client with limits per host and in total."""

    def __init__(self, session: aiohttp.ClientSession, settings: Settings) -> None:
        self._session = session
        self._timeout = settings.sources.timeout
        self._gate = Gate("fetch", running=settings.sources.concurrency, waiting=_MAX_WAITING)
        self.rate_limits = RateLimits(settings.sources)

    @asynccontextmanager
    async def get(
        self, url: URL, *, validator: str = "", may_follow: MayFollow = follow_any
    ) -> AsyncIterator[WebResponse]:
        """Request `url`, follow the redirects that `may_follow` allows, and yield the answer.

        Raises `InvalidInput` or `Unavailable` if the status is not a success.
        """
        async with self.get_any(url, validator=validator, may_follow=may_follow) as answer:
            if not answer.is_unmodified:
                require_success(answer.status)
            yield answer

    @asynccontextmanager
    async def get_any(
        self, url: URL, *, validator: str = "", may_follow: MayFollow = follow_any
    ) -> AsyncIterator[WebResponse]:
        """Request `url` like `get`, and accept every status."""
        # A redirect to another origin must not receive the credentials.
        auth = {"Authorization": aiohttp.encode_basic_auth(url.user, url.password or "")} if url.user else {}
        url = url.with_user(None)
        for _ in range(_MAX_REDIRECTS + 1):
            async with self._request(url, auth, validator) as response:
                target = redirect_target(url, response)
                if target is None:
                    yield WebResponse(response, is_unmodified=bool(validator) and response.status == 304)
                    return
            if not await may_follow(target):
                raise RedirectRefused(target)
            auth = auth if target.origin() == url.origin() else {}
            url = target
        raise InvalidInput(f"the server redirected more than {_MAX_REDIRECTS} times")

    @asynccontextmanager
    async def _request(self, url: URL, auth: dict[str, str], validator: str) -> AsyncIterator[aiohttp.ClientResponse]:
        host = url.host or ""
        async with self.rate_limits.slot(host), self._gate.enter():
            with http_errors():
                async with (
                    asyncio.timeout(self._timeout),
                    self._session.get(url, headers=_conditions_of(validator) | auth, allow_redirects=False) as response,
                ):
                    if response.status in {429, 503}:
                        self.rate_limits.pause(host, to_seconds(response.headers.get("Retry-After", "")) or 0.0)
                    yield response


@asynccontextmanager
async def open_fetcher(
    settings: Settings, *, resolver: AbstractResolver | None = None, may_connect: MayConnect | None = None
) -> AsyncIterator[Fetcher]:
    """Open a fetcher with its own session, without cookies and proxies.

    `may_connect` decides about each address; by default it follows RAG_SOURCES__ALLOW_PRIVATE.
    """
    if may_connect is None:
        may_connect = is_not_metadata if settings.sources.allow_private else is_public
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, socket_factory=_sockets_for(may_connect), limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=settings.http.connect, sock_read=min(settings.http.read, settings.sources.timeout)
        ),
        headers={"User-Agent": settings.sources.user_agent, "Accept-Encoding": "gzip, deflate"},
        auto_decompress=False,
    )
    async with session:
        yield Fetcher(session, settings)


async def retry_listing(call: Callable[[], Awaitable[T]]) -> T:
    """Call again after `Unavailable`, for requests that list a source; the pipeline retries the others."""
    for delay in _RETRY_DELAYS_SECONDS:
        try:
            return await call()
        except Unavailable:
            await asyncio.sleep(delay)
    return await call()


def _declared_name_of(response: aiohttp.ClientResponse) -> str:
    # aiohttp's own parser warns about damaged headers instead of reading what it can.
    header = Message()
    header["Content-Disposition"] = response.headers.get("Content-Disposition", "")[:_MAX_DISPOSITION]
    # Only the last part: a server must not choose a folder.
    return PurePosixPath((header.get_filename() or "").replace("\\", "/")).name[:200]


def _validator_of(headers: Mapping[str, str]) -> str:
    """Return `etag:"abc"`, else `modified:<date>`, else ""."""
    if etag := headers.get("ETag", "").strip():
        return _ETAG + etag
    modified = headers.get("Last-Modified", "").strip()
    return _MODIFIED + modified if modified else ""


def _conditions_of(validator: str) -> dict[str, str]:
    """Return the headers of a conditional request."""
    if validator.startswith(_ETAG):
        return {"If-None-Match": validator.removeprefix(_ETAG)}
    if validator.startswith(_MODIFIED):
        return {"If-Modified-Since": validator.removeprefix(_MODIFIED)}
    return {}


def _sockets_for(may_connect: MayConnect) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    # The address is checked when the socket opens. An earlier check could be bypassed: the name server may return
    # another address for the second query (DNS rebinding).
    def open_socket(info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, socket_address = info
        if not may_connect(ip_address(str(socket_address[0]).partition("%")[0])):
            raise AddressRefused
        return socket.socket(family, kind, protocol)

    return open_socket
