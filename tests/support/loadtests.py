"""Small services with exact timing, as targets of load tests."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from tests.support.fakes.servers import serve


def event(name: str, **data) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


async def answer(request: web.Request, script: Sequence[tuple[float, bytes]]) -> web.StreamResponse:
    """Stream the script: pairs of the seconds to wait and the bytes to send after them."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for seconds, sent in script:
        await asyncio.sleep(seconds)
        await response.write(sent)
    return response


@asynccontextmanager
async def scripted(*script: tuple[float, bytes]) -> AsyncIterator[str]:
    """Run a service that streams the same answer to every request. Yield its base URL."""
    async with serve("/v1/answers", lambda request: answer(request, script)) as url:
        yield url
