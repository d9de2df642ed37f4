"""A stand-in for a model server: OpenAI's `/v1/chat/completions` with the delays that it is told.

`python -m loadtests.stand_in --ttft 0.2 --tpot 0.02` says nothing of interest, at the pace of a model, for next to
nothing of the processor: so what a load test measures is the service in front of it. It keeps nothing of a request.
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
_LARGEST_PROMPT = 8 * 2**20
_MOST_TOKENS = 100_000
Write = Callable[[Sequence[str]], Sequence[str]]
"""The contents of the messages to the pieces of an answer; each piece comes after a delay of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Medians of two log-normal delays in seconds, and the standard deviation of their logarithms."""

    ttft: float = 0.2
    """From the request to the first token."""
    tpot: float = 0.02
    """From each token to the next."""
    sigma: float = 0.3
    """0: each delay is the median."""
    tokens: int = 64
    """Of an answer, where the request allows as many and nothing else writes it."""
    seed: int = 1

    def delays(self, number: int, tokens: int) -> Iterator[float]:
        """What passes before each token of the answer with this number: the same for the same seed."""
        chosen = random.Random(f"{self.seed}:{number}")
        for position in range(tokens):
            median = self.tpot if position else self.ttft
            yield chosen.lognormvariate(math.log(median), self.sigma) if median else 0.0


class StandIn:
    """The application; requests are numbered as they come."""

    def __init__(self, pace: Pace, write: Write | None = None) -> None:
        self._pace = pace
        self._write = write or partial(_say_nothing, pace.tokens)
        self._numbers = itertools.count()

    def build_app(self) -> web.Application:
        app = web.Application(client_max_size=_LARGEST_PROMPT)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", _list_models)
        app.router.add_get("/health", _say_healthy)
        return app

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        number = next(self._numbers)
        try:
            asked = await request.json()
            contents = [str(message["content"]) for message in asked["messages"]]
            limit = int(asked.get("max_completion_tokens") or asked.get("max_tokens") or _MOST_TOKENS)
        except (ValueError, KeyError, TypeError) as error:
            return _refuse(f"This is no chat completion request: {error!r}")
        pieces = self._write(contents)
        answer = _Answer(
            id=f"chatcmpl-{number}",
            model=str(asked.get("model", _MODEL)),
            pieces=pieces[:limit],
            finish_reason="stop" if len(pieces) <= limit else "length",
            prompt_tokens=_count(contents),
        )
        delays = self._pace.delays(number, len(answer.pieces))
        if asked.get("stream"):
            counts = bool((asked.get("stream_options") or {}).get("include_usage"))
            return await _stream(request, answer, delays, counts=counts)
        await asyncio.sleep(sum(delays))
        return web.json_response(answer.whole())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    id: str
    model: str
    pieces: Sequence[str]
    finish_reason: str
    prompt_tokens: int

    @property
    def usage(self) -> dict[str, int]:
        written = _count(self.pieces)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": self.prompt_tokens + written,
        }

    def whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(self.pieces).strip()}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return self._with_head("chat.completion", choices=[choice], usage=self.usage)

    def chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return self._with_head("chat.completion.chunk", choices=[choice])

    def counted(self) -> dict[str, Any]:
        return self._with_head("chat.completion.chunk", choices=[], usage=self.usage)

    def _with_head(self, kind: str, **rest: Any) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": 0, "model": self.model, **rest}


def _say_nothing(tokens: int, _: Sequence[str]) -> list[str]:
    return [f"{word} " for word in itertools.islice(itertools.cycle(_TEXT.split()), tokens)]


def _count(texts: Sequence[str]) -> int:
    """Words stand for tokens."""
    return sum(len(text.split()) for text in texts)


async def _stream(
    request: web.Request, answer: _Answer, delays: Iterator[float], *, counts: bool
) -> web.StreamResponse:
    due = asyncio.get_running_loop().time()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    await response.write(_event(answer.chunk({"role": "assistant", "content": ""})))
    for piece, delay in zip(answer.pieces, delays, strict=True):
        due += delay
        await _sleep_until(due)
        await response.write(_event(answer.chunk({"content": piece})))
    ending = [answer.chunk({}, answer.finish_reason)] + ([answer.counted()] if counts else [])
    await response.write(b"".join(_event(chunk) for chunk in ending) + b"data: [DONE]\n\n")
    return response


async def _sleep_until(due: float) -> None:
    # The clock runs on: a token that comes late does not put off those after it.
    await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def _refuse(message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "invalid_request_error"}}, status=400)


async def _list_models(_: web.Request) -> web.Response:
    model = {"id": _MODEL, "object": "model", "created": 0, "owned_by": "loadtests"}
    return web.json_response({"object": "list", "data": [model]})


async def _say_healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


@asynccontextmanager
async def open_stand_in(
    pace: Pace, *, write: Write | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """Yields the base URL, `/v1` left out. Whoever leaves a stream ends it.

    `write` says something of interest, where pace alone is not what is wanted.
    """
    runner = web.AppRunner(StandIn(pace, write).build_app(), handler_cancellation=True, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def add_pace(parser: argparse._ActionsContainer) -> None:
    """The flags of `Pace`, for every program that starts one."""
    usual = Pace()
    parser.add_argument("--ttft", type=float, default=usual.ttft, help="median, seconds (default: %(default)s)")
    parser.add_argument("--tpot", type=float, default=usual.tpot, help="median, seconds (default: %(default)s)")
    parser.add_argument("--sigma", type=float, default=usual.sigma, help="of the logarithms (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=usual.tokens, help="of an answer (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of all that is drawn (default: %(default)s)")


def to_pace(arguments: argparse.Namespace) -> Pace:
    return Pace(
        ttft=arguments.ttft,
        tpot=arguments.tpot,
        sigma=arguments.sigma,
        tokens=arguments.tokens,
        seed=arguments.seed,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.stand_in", description="An OpenAI-compatible model server with set delays."
    )
    add_pace(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8081, help="0: a free one (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        uvloop.run(_serve(arguments))
    except KeyboardInterrupt:
        return


async def _serve(arguments: argparse.Namespace) -> None:
    async with open_stand_in(to_pace(arguments), host=arguments.host, port=arguments.port) as url:
        print(f"The stand-in answers on {url}/v1", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
