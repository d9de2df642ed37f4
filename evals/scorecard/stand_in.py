"""A stand-in for the model of a measured service, which writes slowly and fails when it is told to.

`python -m evals.scorecard.stand_in` serves OpenAI's `/v1/chat/completions`. `PUT /behaviour` with
`{"behaviour": "fail"}` changes what happens to later requests, and `GET /behaviour` counts them.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from loadtests.stand_in import Delays, StandInServer
from rag.errors import Unavailable

Behaviour = Literal["answer", "slow", "fail", "break", "hang"]
"""Write an answer, begin it late, respond with status 500, close the connection in mid-stream, or never respond."""

# Ten seconds of text: long enough that a client leaves, or the connection breaks, in the middle.
_DELAYS = Delays(ttft=0.1, tpot=0.1, sigma=0, tokens=100)
_BREAKS_AFTER_SECONDS = 1.0
_HANGS_SECONDS = 600.0
# Longer than people wait without a sign, and shorter than the patience of most clients and proxies.
_SLOW_SECONDS = 5.0
_REQUEST_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What happened to the requests of the stand-in since its start."""

    behaviour: str = "answer"
    requests: int = 0
    active: int = 0
    abandoned: int = 0
    """Requests whose client, the measured service, left before the answer ended."""


class StandIn:
    """The control of a running stand-in. Raises `Unavailable` if it does not answer."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = f"{url.rstrip('/').removesuffix('/v1')}/behaviour"

    async def behave(self, behaviour: Behaviour) -> None:
        await self._call("PUT", {"behaviour": behaviour})

    async def counts(self) -> Counts:
        return await self._call("GET")

    async def _call(self, method: str, body: dict[str, str] | None = None) -> Counts:
        try:
            async with (
                asyncio.timeout(_REQUEST_SECONDS),
                self._session.request(method, self._url, json=body, allow_redirects=False) as response,
            ):
                response.raise_for_status()
                return Counts(**await response.json())
        except (aiohttp.ClientError, TimeoutError, TypeError, ValueError) as error:
            raise Unavailable(
                f"{self._url} does not control a stand-in: {error or type(error).__name__}. "
                "Start one with `python -m evals.scorecard.stand_in`."
            ) from error


@asynccontextmanager
async def open_stand_in(
    *, host: str = "127.0.0.1", port: int = 0, slow_seconds: float = _SLOW_SECONDS
) -> AsyncIterator[str]:
    """Run the stand-in and yield its base URL without `/v1`."""
    conduct = _Conduct(slow_seconds)
    app = StandInServer(_DELAYS).build_app()
    app.middlewares.append(conduct.apply)
    app.router.add_get("/behaviour", conduct.report)
    app.router.add_put("/behaviour", conduct.change)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class _Conduct:
    def __init__(self, slow_seconds: float) -> None:
        self._slow_seconds = slow_seconds
        self._behaviour: Behaviour = "answer"
        self._requests = self._active = self._abandoned = 0

    async def report(self, _: web.Request) -> web.Response:
        counts = Counts(
            behaviour=self._behaviour, requests=self._requests, active=self._active, abandoned=self._abandoned
        )
        return web.json_response(asdict(counts))

    async def change(self, request: web.Request) -> web.Response:
        behaviour = (await request.json()).get("behaviour")
        if behaviour not in get_args(Behaviour):
            return web.json_response({"error": f"Choose from {', '.join(get_args(Behaviour))}."}, status=400)
        self._behaviour = behaviour
        return await self.report(request)

    @web.middleware
    async def apply(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.endswith("/chat/completions"):
            return await handler(request)
        self._requests += 1
        self._active += 1
        breaks = self._behaviour == "break"
        try:
            return await self._respond(request, handler)
        except (asyncio.CancelledError, ConnectionError):
            self._abandoned += not breaks
            raise
        finally:
            self._active -= 1

    async def _respond(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        match self._behaviour:
            case "fail":
                return web.json_response(
                    {"error": {"message": "The model failed.", "type": "server_error"}}, status=500
                )
            case "slow":
                await asyncio.sleep(self._slow_seconds)
            case "hang":
                await asyncio.sleep(_HANGS_SECONDS)
            case "break":
                assert request.transport is not None
                asyncio.get_running_loop().call_later(_BREAKS_AFTER_SECONDS, request.transport.abort)
        return await handler(request)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m evals.scorecard.stand_in",
        description="Runs a stand-in for the model of a service, which the scorecard lets fail and hang.",
        epilog="example:\n  python -m evals.scorecard.stand_in --port 8082        serves http://127.0.0.1:8082/v1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8082, help="port; 0 takes a free one (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        asyncio.run(_serve(arguments.host, arguments.port))
    except KeyboardInterrupt:
        return


async def _serve(host: str, port: int) -> None:
    async with open_stand_in(host=host, port=port) as url:
        print(f"The stand-in answers on {url}/v1", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
