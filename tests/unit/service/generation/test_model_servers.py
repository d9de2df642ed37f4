"""The generator on model servers that differ from the protocol, or fail."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from rag.errors import BadResponse, TimedOut
from rag.gate import Gate
from service.generation.base import Finish, Prompt, Retraction, Usage
from service.generation.openai import ModelEndpoint, OpenAIGenerator
from tests.support.fakes.model_servers import (
    ANSWER,
    CASES,
    END,
    ROLE,
    STOP,
    WORDS,
    CaseServer,
    split_sizes,
    texts,
)
from tests.support.fakes.servers import serve

USAGE_OF_CASES = Usage(prompt_tokens=10, completion_tokens=5)
PROMPT = Prompt(system="Be brief.", user="When did the bridge open?")


@asynccontextmanager
async def generator_on(handler, *, read: float = 60, **endpoint):
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=60, sock_read=read)
    async with serve("/v1/chat/completions", handler) as url, aiohttp.ClientSession(timeout=timeout) as session:
        at = ModelEndpoint(url=f"{url}/v1", model="m", concurrency=1, **endpoint)
        yield OpenAIGenerator(session, at, gate=Gate("test", running=1, waiting=0), max_tokens=9, temperature=0.0)


async def collect(generator) -> tuple[str, list, Exception | None]:
    """Return the text, the reports and the error of one generation."""
    text, reports, raised = "", [], None
    try:
        async for piece in generator.generate(PROMPT):
            match piece:
                case str():
                    text += piece
                case Retraction():
                    text = ""
                case _:
                    reports.append(piece)
    except Exception as error:  # noqa: BLE001 - the caller compares its class
        raised = error
    return text, reports, raised


@pytest.mark.parametrize("name", CASES)
async def test_each_server_gives_its_answer_or_the_right_error(name):
    case = CASES[name]
    for size in split_sizes(case):
        async with generator_on(CaseServer(case, size=size)) as generator:
            text, reports, raised = await collect(generator)
        if case.error is None:
            assert raised is None
            usage = [USAGE_OF_CASES] if case.has_usage else []
            assert (text, reports) == (case.text, [Finish(case.finish), *usage])
        else:
            assert isinstance(raised, case.error), repr(raised)
            assert type(raised) is not BadResponse or case.error is BadResponse
            assert (bool(text), raised.retry_after) == (case.begins, case.retry_after)
            assert case.upstream in raised.upstream
            assert not case.upstream or case.upstream not in str(raised)
            assert "sk-live" not in raised.upstream


async def test_the_text_of_a_split_stream_arrives_piece_by_piece():
    async with generator_on(CaseServer(CASES["plain"])) as generator:
        assert [piece async for piece in generator.generate(PROMPT) if isinstance(piece, str)] == [
            "The ",
            "bridge opened ",
            "in March 1932 ",
            "[1].",
        ]


@pytest.mark.parametrize("ending", ["silence", "a reset"])
async def test_after_the_finish_neither_silence_nor_a_reset_is_an_error(ending):
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(ROLE + WORDS + STOP)
        if ending == "silence":
            await asyncio.sleep(600)
        request.transport.abort()
        return response

    async with generator_on(handler) as generator:
        assert await collect(generator) == (ANSWER, [Finish("stop")], None)


async def test_a_reset_before_the_finish_is_an_error():
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(ROLE + WORDS)
        await asyncio.sleep(0.05)
        request.transport.abort()
        return response

    async with generator_on(handler) as generator:
        text, _, raised = await collect(generator)
    assert (text, type(raised)) == (ANSWER, BadResponse)


async def test_an_error_response_that_never_ends_is_its_status():
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=408)
        await response.prepare(request)
        await asyncio.sleep(600)
        return response

    async with generator_on(handler) as generator:
        _, _, raised = await collect(generator)
    assert type(raised) is TimedOut


async def test_a_redirect_within_the_server_is_followed_with_the_question():
    received = []

    async def handler(request: web.Request) -> web.StreamResponse:
        received.append((await request.json(), request.headers["Authorization"]))
        if "moved" not in request.query:
            raise web.HTTPPermanentRedirect("/v1/chat/completions?moved=1")
        return await CaseServer(CASES["plain"])(request)

    async with generator_on(handler, headers={"Authorization": "Bearer k"}) as generator:
        assert (await collect(generator))[0] == ANSWER
    assert received[0] == received[1]


async def test_reasoning_without_an_opening_tag_is_never_shown_again():
    case = CASES["reasoning without its opening tag"]
    async with generator_on(CaseServer(case)) as generator:
        first = [piece async for piece in generator.generate(PROMPT)]
        second = [piece async for piece in generator.generate(PROMPT)]
    assert Retraction() in first
    assert "".join(piece for piece in second if isinstance(piece, str)) == ANSWER


@pytest.mark.parametrize("known", [{"expects_reasoning": True}, {"quirks": {"unopened_reasoning"}}], ids=str)
async def test_expected_reasoning_is_not_even_shown_the_first_time(known):
    case = CASES["reasoning without its opening tag"]
    async with generator_on(CaseServer(case), **known) as generator:
        pieces = [piece async for piece in generator.generate(PROMPT)]
    assert pieces == ["The ", "bridge opened ", "in March 1932 ", "[1].", Finish("stop"), USAGE_OF_CASES]


async def test_an_answer_without_the_expected_reasoning_corrects_the_expectation():
    async with generator_on(CaseServer(CASES["plain"]), expects_reasoning=True) as generator:
        first = [piece async for piece in generator.generate(PROMPT) if isinstance(piece, str)]
        second = [piece async for piece in generator.generate(PROMPT) if isinstance(piece, str)]
    assert first == [ANSWER]
    assert second == ["The ", "bridge opened ", "in March 1932 ", "[1]."]


async def test_text_streams_at_once_if_the_server_sends_the_reasoning_apart():
    async with generator_on(CaseServer(CASES["reasoning_content"]), expects_reasoning=True) as generator:
        pieces = [piece async for piece in generator.generate(PROMPT) if isinstance(piece, str)]
    assert pieces == ["The ", "bridge opened ", "in March 1932 ", "[1]."]


async def test_each_cut_of_a_stream_is_an_answer_or_an_error():
    whole = texts("Yes ", "[1].") + END
    for length in range(0, len(whole), 3):
        body = whole[:length]
        async with generator_on(CaseServer(type(CASES["plain"])(body=body))) as generator:
            text, reports, raised = await collect(generator)
        if raised is None:
            assert (text, reports[0]) == ("Yes [1].", Finish("stop"))
        else:
            assert isinstance(raised, BadResponse)
