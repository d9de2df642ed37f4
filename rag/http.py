"""Outgoing HTTP: one session for a process, and its failures in this project's words."""

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
    """No total limit: a long stream is healthy for as long as its pieces keep coming."""
    phases = aiohttp.ClientTimeout(total=None, connect=timeouts.connect, sock_read=timeouts.read)
    async with aiohttp.ClientSession(timeout=phases, middlewares=(_traced,)) as session:
        yield session


@contextmanager
def translated_errors(part: str) -> Iterator[None]:
    """Turns aiohttp's errors into ours; `part` is the name a person knows, such as "generator"."""
    try:
        yield
    except TimeoutError as error:
        raise TimedOut(f"The {part} took longer than its time.") from error
    except aiohttp.ClientPayloadError as error:
        raise BadResponse(f"The {part} broke its answer off.") from error
    except aiohttp.ClientError as error:
        raise Unavailable(f"The {part} cannot be reached: {error}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadResponse(f"The {part} answered with something that is not JSON.") from error


def bearer_header(key: SecretStr | None) -> dict[str, str]:
    """Return the header that carries an API key, or no header without a key."""
    return {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}


async def _traced(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Whoever is called may join the trace."""
    propagate(request.headers)
    return await handler(request)


async def require_success(part: str, response: aiohttp.ClientResponse) -> None:
    """Raises by status: 429 `Overloaded`, 408 and 5xx `Unavailable`, anything else `BadResponse`."""
    if response.ok:
        return
    said = (await response.text(errors="replace"))[:_EXCERPT].strip()
    sentence = f"The {part} answered {response.status}: {said}"
    match response.status:
        case 429:
            raise Overloaded(sentence)
        case status if status == 408 or status >= 500:
            raise Unavailable(sentence)
        case _:
            raise BadResponse(sentence)
