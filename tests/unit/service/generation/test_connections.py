"""The generator on connections that break, stay silent or do not carry HTTP."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest

from rag.errors import BadResponse, TimedOut, Unavailable
from rag.gate import Gate
from rag.http import open_session
from rag.settings import TimeoutSettings
from service.generation.base import Prompt
from service.generation.openai import ModelEndpoint, OpenAIGenerator
from tests.support.fakes.model_servers import ANSWER, PLAIN

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(PLAIN) + PLAIN


@asynccontextmanager
async def generator_on(respond, *, read: float = 60):
    """Open a generator whose server calls `respond` for each connection. Yield it with the number of its requests."""
    requests = []

    async def accept(reader, writer):
        async def receive() -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            requests.append(await reader.readexactly(int(length[1])))

        try:
            await respond(receive, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The client has left.
        finally:
            writer.transport.abort()

    async with (
        await asyncio.start_server(accept, "127.0.0.1", 0) as server,
        open_session(TimeoutSettings(connect=60, read=read)) as session,
    ):
        port = server.sockets[0].getsockname()[1]
        at = ModelEndpoint(url=f"http://127.0.0.1:{port}/v1", model="m", concurrency=1)
        gate = Gate("test", running=1, waiting=0)
        yield OpenAIGenerator(session, at, gate=gate, max_tokens=9, temperature=0.0), requests


async def ask(generator) -> str:
    prompt = Prompt(system="Be brief.", user="When did the bridge open?")
    return "".join([piece async for piece in generator.generate(prompt) if isinstance(piece, str)])


async def test_a_connection_that_the_server_closes_when_it_is_used_again_costs_no_answer():
    async def respond(receive, writer):
        await receive()
        writer.write(WHOLE)
        await receive()  # The second request on this connection: the server closes it unanswered.

    async with generator_on(respond) as (generator, requests):
        assert [await ask(generator), await ask(generator)] == [ANSWER, ANSWER]
    assert len(requests) == 3


async def test_a_server_that_closes_a_new_connection_may_have_worked_and_gets_the_request_once():
    async def respond(receive, _):
        await receive()

    async with generator_on(respond) as (generator, requests):
        with pytest.raises(Unavailable, match="cannot be reached"):
            await ask(generator)
    assert len(requests) == 1


async def test_pings_after_the_finish_do_not_hold_the_answer_back():
    async def respond(receive, writer):
        await receive()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        writer.write(b'data: {"choices": [{"delta": {"content": "In 1932."}, "finish_reason": "stop"}]}\n\n')
        while True:
            writer.write(b': ping\n\ndata: {"choices": []}\n\n')
            await writer.drain()
            await asyncio.sleep(0.01)

    async with asyncio.timeout(60), generator_on(respond) as (generator, _):
        assert await ask(generator) == "In 1932."


async def test_signs_of_life_without_any_event_do_not_last_for_ever():
    async def respond(receive, writer):
        await receive()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        while True:
            writer.write(b": keep-alive\n\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with generator_on(respond, read=0.02) as (generator, _):
        with pytest.raises(TimedOut):
            await ask(generator)


@pytest.mark.parametrize(
    "answer", [b"\x15\x03\x01\x00\x02\x02\x50", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"]
)
async def test_a_server_that_does_not_speak_http_is_not_one_that_cannot_be_reached(answer):
    async def respond(receive, writer):
        await receive()
        writer.write(answer)
        await writer.drain()

    async with generator_on(respond) as (generator, _):
        with pytest.raises(BadResponse, match=r"not valid HTTP\. An operator must check RAG_GENERATOR__URL"):
            await ask(generator)
