"""Outgoing HTTP: one session per server, JSON requests, and the translation of errors."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from pydantic import SecretStr
from yarl import URL

from rag.errors import AccessRefused, BadResponse, TimedOut, Unavailable
from rag.redaction import redact
from rag.settings import TimeoutSettings
from rag.tracing.spans import propagate
from rag.upstream import EXCERPT_LENGTH, Upstream, error_in, read_retry_after, to_error

# A server that failed may also fail to send the end of its error response.
_EXCERPT_SECONDS = 2.0
# 256 vectors with 4,096 numbers of 20 characters are 21 MB.
_MAX_BODY_BYTES = 64 * 2**20
_MAX_REDIRECTS = 3
# Below the 5 s of uvicorn, which serves many models: a connection that its server closes would fail the next request.
_KEEP_ALIVE_SECONDS = 4.0

_is_kept_connection: ContextVar[bool] = ContextVar("is_kept_connection", default=False)
"""Whether the request of this task was sent on a connection of an earlier request."""


@asynccontextmanager
async def open_session(timeouts: TimeoutSettings, *, connections: int = 100) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session with its own pool, so that a slow server never occupies the connections to another one.

    There is no total time limit, because a long stream is healthy while data keeps coming.
    Waiting for a free connection has no limit either: the gate in front of each server bounds it.
    Proxies from the environment are ignored, because the configured addresses are called directly.
    """
    phases = aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect, sock_read=timeouts.read)
    pool = aiohttp.TCPConnector(limit=connections, keepalive_timeout=_KEEP_ALIVE_SECONDS)
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_note_kept_connection)
    async with aiohttp.ClientSession(
        connector=pool, timeout=phases, middlewares=(_send,), trace_configs=[trace], trust_env=False
    ) as session:
        yield session


@asynccontextmanager
async def post(
    session: aiohttp.ClientSession, upstream: Upstream, url: str, body: Any, headers: Mapping[str, str]
) -> AsyncIterator[ClientResponse]:
    """Send JSON and yield the successful response, whose connection is closed at the end of the block.

    Raises the errors of `require_success` and `translated_errors`.
    """
    with translated_errors(upstream):
        response = await _follow(session, upstream, url, body, headers)
        async with response:
            await require_success(upstream, response)
            yield response


async def read_json(upstream: Upstream, response: ClientResponse) -> Any:
    """Return the body. Raises `BadResponse` if it is not JSON or too large, or the error that it reports."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _MAX_BODY_BYTES:
            raise BadResponse(f"The {upstream.name} sent more than {_MAX_BODY_BYTES:,} bytes.")
    try:
        body = parse_json(bytes(content))
    except ValueError as error:
        raise BadResponse(f"The {upstream.name} sent a response that is not valid JSON.") from error
    if reported := error_in(upstream, body):
        raise reported
    return body


def parse_json(text: str | bytes) -> Any:
    """Parse JSON from a server. Raises `ValueError`, also where the standard library raises other errors."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("The JSON is nested too deeply.") from error
    except ValueError:
        # Python refuses to parse an integer of thousands of digits. As a float it is infinite, which checks find.
        return json.loads(text, parse_int=float)


@contextmanager
def translated_errors(upstream: Upstream) -> Iterator[None]:
    """Translate aiohttp's errors into `GroundworkError`s."""
    name = upstream.name
    check = f" An operator must check {upstream.settings}." if upstream.settings else ""
    try:
        yield
    except TimeoutError as error:
        raise TimedOut(f"The {name} did not answer in time. Try again later.") from error
    except aiohttp.ClientPayloadError as error:
        message = f"The {name} closed the connection before the end of its response."
        raise BadResponse(message, upstream=str(error)) from error
    except aiohttp.ClientResponseError as error:
        message = f"The {name} sent a response that is not valid HTTP.{check}"
        raise BadResponse(message, upstream=str(error)[:EXCERPT_LENGTH]) from error
    except aiohttp.ClientError as error:
        advice = f"An operator must check it and {upstream.settings}." if upstream.settings else "Check its address."
        # The text of the error has the address, which users must not see.
        raise Unavailable(f"The {name} cannot be reached. {advice}", upstream=str(error)) from error


def bearer_header(key: SecretStr | None) -> dict[str, str]:
    """Return the header that carries an API key, or no header without a key.

    A key from a file often ends with a line feed, which no header may contain.
    """
    return {"Authorization": f"Bearer {key.get_secret_value().strip()}"} if key else {}


async def require_success(upstream: Upstream, response: ClientResponse) -> None:
    """Raise the error that matches an error status, with an excerpt of the body for the log."""
    if response.ok:
        return
    sent = response.request_info.headers
    keys = sent.get("Authorization", "").removeprefix("Bearer "), sent.get("api-key", "")
    excerpt = redact(await _read_excerpt(response), *keys)
    raise to_error(upstream, response.status, excerpt, read_retry_after(response.headers, excerpt))


async def _send(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Send the trace context, so that the server can join the trace, and once more if the connection was stale.

    Some servers close a connection that they announced as lasting when the next request arrives, and do not read it.
    On a new connection the server has the request. It may have failed because of it, or may have done work that costs
    money, so its caller decides whether to send it again.
    """
    propagate(request.headers)
    _is_kept_connection.set(False)
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        if not _is_kept_connection.get():
            raise
        return await handler(request)


async def _note_kept_connection(*_: object) -> None:
    _is_kept_connection.set(True)


async def _follow(
    session: aiohttp.ClientSession, upstream: Upstream, url: str, body: Any, headers: Mapping[str, str]
) -> ClientResponse:
    """Send the request, and follow redirects within the server.

    Another address is not followed: it would receive the question and its passages, and no operator has chosen it.
    The statuses 301 to 303 are not followed, because they turn a POST into a GET.
    """
    target = URL(url)
    for _ in range(_MAX_REDIRECTS):
        response = await session.post(target, json=body, headers=headers, allow_redirects=False)
        location = response.headers.get("Location")
        if not 300 <= response.status < 400 or location is None:
            return response
        response.close()
        try:
            following = target.join(URL(location))
            is_followed = response.status in (307, 308) and following.origin() == target.origin()
        except ValueError:
            is_followed = False
        if not is_followed:
            break
        target = following
    raise AccessRefused(
        f"The {upstream.name} redirects to another address (status {response.status}). "
        f"An operator must set {upstream.settings or 'the new address'}.",
        upstream=f"Location: {location}",
    )


async def _read_excerpt(response: ClientResponse) -> str:
    excerpt = b""
    # After an error the status is known, and it matters more than the text.
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(_EXCERPT_SECONDS):
            while len(excerpt) < EXCERPT_LENGTH and (chunk := await response.content.read(EXCERPT_LENGTH)):
                excerpt += chunk
    return excerpt[:EXCERPT_LENGTH].decode(errors="replace").strip()
