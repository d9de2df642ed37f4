"""A stand-in for a model server: OpenAI's `/v1/chat/completions` with configured delays.

`python -m loadtests.stand_in --ttft 0.2 --tpot 0.02` sends meaningless text at the speed of a model and uses almost no
CPU time. A load test therefore measures the service in front of it. It stores nothing of a request.
"""

import argparse
import asyncio
import itertools
import json
import math
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvloop
from aiohttp import web

_MODEL = "stand-in"
_TEXT = "The documents say so in the first passage [1] and in the second one as well [2] ."
_MAX_REQUEST_BYTES = 8 * 2**20
_MAX_TOKENS = 100_000
WriteAnswer = Callable[[Sequence[str]], Sequence[str]]
"""Turns the contents of the messages into the pieces of an answer. Each piece is sent after its own delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Log-normal delays: medians in seconds, and the standard deviation of their logarithms."""

    ttft: float = 0.2
    """Median time from the request to the first token."""
    tpot: float = 0.02
    """Median time from one token to the next."""
    sigma: float = 0.3
    """With 0, every delay equals its median."""
    tokens: int = 64
    """Length of an answer, unless the request asks for fewer tokens or `write` decides."""
    seed: int = 1

    def draw(self, number: int, tokens: int) -> Iterator[float]:
        """Yield the delay before each token of the answer with this number. The same seed gives the same delays."""
        random_source = random.Random(f"{self.seed}:{number}")
        for position in range(tokens):
            median = self.tpot if position else self.ttft
            yield random_source.lognormvariate(math.log(median), self.sigma) if median else 0.0


class StandInServer:
    """The web application. It numbers requests in the order of their arrival."""

    def __init__(self, delays: Delays, write: WriteAnswer | None = None) -> None:
        self._delays = delays
        self._write = write or partial(_write_filler, delays.tokens)
        self._numbers = itertools.count()

    def build_app(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_REQUEST_BYTES)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", _list_models)
        app.router.add_get("/health", _report_health)
        return app

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        number = next(self._numbers)
        try:
            body = await request.json()
            contents = [str(message["content"]) for message in body["messages"]]
            limit = int(body.get("max_completion_tokens") or body.get("max_tokens") or _MAX_TOKENS)
        except (ValueError, KeyError, TypeError) as error:
            return _bad_request(f"This is not a chat completion request: {error!r}")
        pieces = self._write(contents)
        completion = _Completion(
            id=f"chatcmpl-{number}",
            model=str(body.get("model", _MODEL)),
            pieces=pieces[:limit],
            finish_reason="stop" if len(pieces) <= limit else "length",
            prompt_tokens=_count_tokens(contents),
        )
        delays = self._delays.draw(number, len(completion.pieces))
        if body.get("stream"):
            include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            return await _stream(request, completion, delays, include_usage=include_usage)
        await asyncio.sleep(sum(delays))
        return web.json_response(completion.to_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Completion:
    id: str
    model: str
    pieces: Sequence[str]
    finish_reason: str
    prompt_tokens: int

    @property
    def usage(self) -> dict[str, int]:
        written = _count_tokens(self.pieces)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": self.prompt_tokens + written,
        }

    def to_json(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(self.pieces).strip()}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return self._envelope("chat.completion", choices=[choice], usage=self.usage)

    def to_chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return self._envelope("chat.completion.chunk", choices=[choice])

    def to_usage_chunk(self) -> dict[str, Any]:
        return self._envelope("chat.completion.chunk", choices=[], usage=self.usage)

    def _envelope(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": 0, "model": self.model, **fields}


def _write_filler(tokens: int, _: Sequence[str]) -> list[str]:
    return [f"{word} " for word in itertools.islice(itertools.cycle(_TEXT.split()), tokens)]


def _count_tokens(texts: Sequence[str]) -> int:
    """Return the number of words, which stand for tokens here."""
    return sum(len(text.split()) for text in texts)


async def _stream(
    request: web.Request, completion: _Completion, delays: Iterator[float], *, include_usage: bool
) -> web.StreamResponse:
    due = asyncio.get_running_loop().time()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    await response.write(_event(completion.to_chunk({"role": "assistant", "content": ""})))
    for piece, delay in zip(completion.pieces, delays, strict=True):
        # Due times are absolute, so a late token does not delay the tokens after it.
        due += delay
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        await response.write(_event(completion.to_chunk({"content": piece})))
    ending = [completion.to_chunk({}, completion.finish_reason)]
    if include_usage:
        ending.append(completion.to_usage_chunk())
    await response.write(b"".join(_event(chunk) for chunk in ending) + b"data: [DONE]\n\n")
    return response


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def _bad_request(message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "invalid_request_error"}}, status=400)


async def _list_models(_: web.Request) -> web.Response:
    model = {"id": _MODEL, "object": "model", "created": 0, "owned_by": "loadtests"}
    return web.json_response({"object": "list", "data": [model]})


async def _report_health(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


@asynccontextmanager
async def open_stand_in(
    delays: Delays, *, write: WriteAnswer | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """Run the stand-in and yield its base URL without `/v1`. It stops writing a stream that the client leaves.

    `write` decides the text of the answers; without it they are filler text.
    """
    runner = web.AppRunner(StandInServer(delays, write).build_app(), handler_cancellation=True, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def add_delay_flags(parser: argparse._ActionsContainer) -> None:
    """Add one flag per field of `Delays`."""
    default = Delays()
    parser.add_argument(
        "--ttft", type=float, default=default.ttft, help="median seconds to the first token (default: %(default)s)"
    )
    parser.add_argument(
        "--tpot", type=float, default=default.tpot, help="median seconds between tokens (default: %(default)s)"
    )
    parser.add_argument(
        "--sigma",
        type=float,
        default=default.sigma,
        help="standard deviation of the delays' logarithms; 0 makes them constant (default: %(default)s)",
    )
    parser.add_argument("--tokens", type=int, default=default.tokens, help="tokens of an answer (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=default.seed, help="seed of everything random (default: %(default)s)"
    )


def read_delays(arguments: argparse.Namespace) -> Delays:
    return Delays(
        ttft=arguments.ttft,
        tpot=arguments.tpot,
        sigma=arguments.sigma,
        tokens=arguments.tokens,
        seed=arguments.seed,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.stand_in",
        description="Runs an OpenAI-compatible model server with configured delays and meaningless text.",
        epilog="example:\n  python -m loadtests.stand_in --ttft 1 --tpot 0.05        a slow model",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_delay_flags(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8081, help="port; 0 takes a free one (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        uvloop.run(_serve(arguments))
    except KeyboardInterrupt:
        return


async def _serve(arguments: argparse.Namespace) -> None:
    async with open_stand_in(read_delays(arguments), host=arguments.host, port=arguments.port) as url:
        print(f"The stand-in answers on {url}/v1", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
