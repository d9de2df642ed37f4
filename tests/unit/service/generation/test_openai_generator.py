"""The generator with working, failing and unreachable servers."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest

from rag.errors import BadResponse, Overloaded, TimedOut, Unavailable
from rag.gate import Gate
from service.generation.base import Finish, Prompt, Usage
from service.generation.openai import ModelEndpoint, OpenAIGenerator
from tests.support.fakes.servers import ModelServer, answering, serve

PROMPT = Prompt(system="Be brief.", user="Why?")


@asynccontextmanager
async def generator_at(url: str, *, running: int = 1, waiting: int = 0, read: float = 120):
    timeout = aiohttp.ClientTimeout(total=None, connect=60, sock_read=read)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        gate = Gate("test", running=running, waiting=waiting)
        endpoint = ModelEndpoint(url=f"{url}/v1", model="m", concurrency=running)
        yield OpenAIGenerator(session, endpoint, gate=gate, max_tokens=9, temperature=0.0)


async def pieces_from(handler, **options) -> list:
    async with serve("/v1/chat/completions", handler) as url, generator_at(url, **options) as generator:
        return [piece async for piece in generator.generate(PROMPT)]


async def test_text_arrives_in_order_and_the_usage_last():
    server = ModelServer(["Because", " of", " that", "."])
    assert await pieces_from(server) == [
        "Because",
        " of",
        " that",
        ".",
        Finish("stop"),
        Usage(prompt_tokens=7, completion_tokens=4),
    ]
    assert server.requests[0]["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_text_arrives_as_it_is_written():
    server = ModelServer(["one", "two", "three"], gap=60)
    async with serve("/v1/chat/completions", server) as url, generator_at(url) as generator:
        assert await anext(generator.generate(PROMPT)) == "one"
        assert server.sent == 1


async def test_closing_the_stream_stops_the_server():
    server = ModelServer(["word "] * 10_000, gap=0.01)  # For minutes.
    async with serve("/v1/chat/completions", server) as url, generator_at(url) as generator:
        stream = generator.generate(PROMPT)
        await anext(stream)
        await stream.aclose()
        await asyncio.wait_for(server.left_by_client.wait(), 90)


@pytest.mark.parametrize(
    ("status", "error"), [(500, Unavailable), (503, Unavailable), (429, Overloaded), (400, BadResponse)]
)
async def test_a_status_becomes_the_matching_error(status, error):
    with pytest.raises(error) as raised:
        await pieces_from(answering(status, "no"))
    assert raised.value.upstream == "no"


@pytest.mark.parametrize(
    "ending",
    [
        b"data: {not json\n\n",
        b"data: \xff\xfe\n\n",
        b'data: {"choices": 5}\n\n',
        b'data: {"error": {"message": "out of memory"}}\n\n',
        b"",  # The connection ends without [DONE].
    ],
)
async def test_an_invalid_stream_is_a_bad_response(ending):
    with pytest.raises(BadResponse):
        await pieces_from(ModelServer(["fine so far"], ending=ending))


async def test_a_server_that_is_down_is_unavailable():
    async with generator_at("http://127.0.0.1:9") as generator:
        with pytest.raises(Unavailable):
            await anext(generator.generate(PROMPT))


async def test_a_server_that_falls_silent_times_out():
    with pytest.raises(TimedOut):
        await pieces_from(ModelServer(["one", "two"], gap=60), read=0.2)


async def test_calls_beyond_the_gate_are_rejected():
    server = ModelServer(["word "] * 100, gap=0.05)
    async with serve("/v1/chat/completions", server) as url, generator_at(url, running=1, waiting=0) as generator:
        first = generator.generate(PROMPT)
        await anext(first)
        with pytest.raises(Overloaded):
            await anext(generator.generate(PROMPT))
        await first.aclose()
