"""Outgoing HTTP: one session per process, and the translation of its errors."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from pydantic import SecretStr

from rag.errors import BadResponse, Overloaded, TimedOut, Unavailable
from rag.settings import TimeoutSettings
from rag.tracing.spans import propagate

_EXCERPT = 200


@asynccontextmanager
async def open_session(timeouts: TimeoutSettings) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session. It has no total time limit, because a long stream is healthy while data keeps coming."""
    phases = aiohttp.ClientTimeout(total=None, connect=timeouts.connect, sock_read=timeouts.read)
    async with aiohttp.ClientSession(timeout=phases, middlewares=(_traced,)) as session:
        yield session


@contextmanager
def translated_errors(part: str) -> Iterator[None]:
    """Translate aiohttp's errors into `GroundworkError`s. `part` names the server, such as "generator"."""
    try:
        yield
    except TimeoutError as error:
        raise TimedOut(f"The {part} did not answer in time.") from error
    except aiohttp.ClientPayloadError as error:
        raise BadResponse(f"The {part} closed the connection before the end of its response.") from error
    except aiohttp.ClientError as error:
        raise Unavailable(f"The {part} cannot be reached: {error}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadResponse(f"The {part} sent a response that is not valid JSON.") from error


def bearer_header(key: SecretStr | None) -> dict[str, str]:
    """Return the header that carries an API key, or no header without a key."""
    return {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}


async def _traced(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Send the trace context, so that the server can join the trace."""
    propagate(request.headers)
    return await handler(request)


async def require_success(part: str, response: aiohttp.ClientResponse) -> None:
    """Raise `Overloaded` for 429, `Unavailable` for 408 and 5xx, `BadResponse` for any other error status."""
    if response.ok:
        return
    excerpt = (await response.text(errors="replace"))[:_EXCERPT].strip()
    message = f"The {part} answered {response.status}: {excerpt}"
    match response.status:
        case 429:
            raise Overloaded(message)
        case status if status == 408 or status >= 500:
            raise Unavailable(message)
        case _:
            raise BadResponse(message)
