"""Fetching from the web: the one door through which a source asks a foreign server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Final, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from ingest.settings import Settings
from ingest.sources.web.addresses import MayConnect, is_anything_but_metadata, is_public
from ingest.sources.web.fetch_errors import LeadsAway, RefusedAddress, require_success, translated
from ingest.sources.web.inflating import inflated
from ingest.sources.web.pacing import Pace
from ingest.sources.web.urls import to_redirected
from ingest.sources.web.validators import to_conditions, validator_of
from rag.errors import InvalidInput, Unavailable
from rag.gate import Gate

_MAX_REDIRECTS: Final = 5
_PIECE_BYTES: Final = 64 * 1024
_WAITING: Final = 10_000
_PAUSES: Final = (0.5, 2.0)

MayFollow = Callable[[URL], Awaitable[bool]]
T = TypeVar("T")


async def anywhere(_: URL) -> bool:
    """What a person may be led to from a page that they named."""
    return True


class Answer:
    """What a server answered: the head at once, the body as it is asked for."""

    def __init__(self, response: aiohttp.ClientResponse, *, is_unmodified: bool) -> None:
        self._response = response
        self.url = response.url
        """Where it came from, after redirects."""
        self.status = response.status
        self.is_unmodified = is_unmodified
        """The server says that nothing has changed since the validator that was sent."""
        self.content_type = response.headers.get("Content-Type", "")
        self.charset = response.charset
        self.validator = validator_of(response.headers)
        self.robots = ",".join(response.headers.getall("X-Robots-Tag", []))

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, unpacked, as it comes."""
        encoding = self._response.headers.get("Content-Encoding", "")
        async for piece in inflated(self._response.content.iter_chunked(_PIECE_BYTES), encoding):
            yield piece

    async def read(self, max_bytes: int) -> bytes:
        """The whole body; raises `InvalidInput` where it is larger, before reading it if the server says so."""
        if (self._response.content_length or 0) > max_bytes:
            raise InvalidInput(f"larger than the limit of {max_bytes:,} bytes")
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > max_bytes:
                raise InvalidInput(f"larger than the limit of {max_bytes:,} bytes")
        return bytes(body)


class Fetcher:
    """Asks web servers, politely and never those of this machine's own network."""

    def __init__(self, session: aiohttp.ClientSession, settings: Settings) -> None:
        self._session = session
        self._timeout = settings.sources.timeout
        self._gate = Gate("fetch", running=settings.sources.concurrency, waiting=_WAITING)
        self.pace = Pace(settings.sources)

    @asynccontextmanager
    async def get(self, url: URL, *, validator: str = "", may_follow: MayFollow = anywhere) -> AsyncIterator[Answer]:
        """The answer, after redirects that `may_follow` lets pass; raises `InvalidInput` or `Unavailable` by status."""
        async with self.get_any(url, validator=validator, may_follow=may_follow) as answer:
            if not answer.is_unmodified:
                require_success(answer.status)
            yield answer

    @asynccontextmanager
    async def get_any(
        self, url: URL, *, validator: str = "", may_follow: MayFollow = anywhere
    ) -> AsyncIterator[Answer]:
        """Likewise, whatever the status is."""
        # Credentials go to the server that they were given for, and to no other that it sends us to.
        auth = {"Authorization": aiohttp.encode_basic_auth(url.user, url.password or "")} if url.user else {}
        url = url.with_user(None)
        for _ in range(_MAX_REDIRECTS + 1):
            async with self._ask(url, auth, validator) as response:
                target = to_redirected(url, response)
                if target is None:
                    yield Answer(response, is_unmodified=bool(validator) and response.status == 304)
                    return
            if not await may_follow(target):
                raise LeadsAway(f"it redirects to {target}, which does not belong to this source")
            auth = auth if target.origin() == url.origin() else {}
            url = target
        raise InvalidInput(f"the server redirected more than {_MAX_REDIRECTS} times")

    @asynccontextmanager
    async def _ask(self, url: URL, auth: dict[str, str], validator: str) -> AsyncIterator[aiohttp.ClientResponse]:
        host = url.host or ""
        async with self.pace.turn(host), self._gate.enter():
            with translated():
                async with (
                    asyncio.timeout(self._timeout),
                    self._session.get(url, headers=to_conditions(validator) | auth, allow_redirects=False) as found,
                ):
                    if found.status in {429, 503} and found.headers.get("Retry-After", "").isdecimal():
                        self.pace.pause(host, float(found.headers["Retry-After"]))
                    yield found


@asynccontextmanager
async def open_fetcher(
    settings: Settings, *, resolver: AbstractResolver | None = None, may_connect: MayConnect | None = None
) -> AsyncIterator[Fetcher]:
    """A session of its own: without cookies or proxies, and with an eye on every address that it connects to."""
    if may_connect is None:
        may_connect = is_anything_but_metadata if settings.sources.allow_private else is_public
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


async def retry(call: Callable[[], Awaitable[T]]) -> T:
    """Tries what is `Unavailable` again, for what is fetched while a source is listed."""
    for pause in _PAUSES:
        try:
            return await call()
        except Unavailable:
            await asyncio.sleep(pause)
    return await call()


def _sockets_for(may_connect: MayConnect) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    # Here stands the address that is connected to in the next moment, whichever name, spelling or answer of a name
    # server led to it; a check before that could be deceived by a second answer.
    def open_socket(info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = info
        if not may_connect(ip_address(str(where[0]).partition("%")[0])):
            raise RefusedAddress
        return socket.socket(family, kind, protocol)

    return open_socket
