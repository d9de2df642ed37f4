"""Small services for the runner: what they do is set to the millisecond."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from tests.support.fakes.servers import serve


def event(name: str, **data) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


async def answer(request: web.Request, script: Sequence[tuple[float, bytes]]) -> web.StreamResponse:
    """`script`: seconds to wait, and what is sent then."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for seconds, sent in script:
        await asyncio.sleep(seconds)
        await response.write(sent)
    return response


@asynccontextmanager
async def scripted(*script: tuple[float, bytes]) -> AsyncIterator[str]:
    """A service that streams the same answer to everyone."""
    async with serve("/v1/answers", lambda request: answer(request, script)) as url:
        yield url


async def unhurried(attempt: Callable[[], Awaitable[None]], *, tries: int = 5) -> None:
    """A machine that stood still spoils one try, a fault all of them."""
    for _ in range(tries - 1):
        with suppress(AssertionError):
            return await attempt()
    return await attempt()
