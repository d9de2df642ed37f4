"""The generator on model servers that differ from the protocol, or fail."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from rag.errors import BadResponse, TimedOut
from rag.gate import Gate
from service.generation.base import Finish, Prompt, Retraction, Usage
from service.generation.openai import ModelEndpoint, OpenAIGenerator
from tests.support.fakes.model_servers import (
    ANSWER,
    CASES,
    END,
    PLAIN,
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


class PickyServer:
    """Rejects requests until all fields are as it likes them, one after the other."""

    def __init__(self, *rules, status: int = 400) -> None:
        self.rules = rules
        self.status = status
        self.requests: list[dict] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(body := await request.json())
        for is_wrong, said in self.rules:
            if is_wrong(body):
                return web.json_response(said, status=self.status)
        return await CaseServer(CASES["plain"])(request)


def said(message: str, **more) -> dict:
    return {"error": {"message": message, **more}}


MAX_TOKENS = (
    lambda body: "max_tokens" in body,
    said("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", param="max_tokens"),
)
TEMPERATURE = (
    lambda body: "temperature" in body,
    said("Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) is supported."),
)
STREAM_OPTIONS = (
    lambda body: "stream_options" in body,
    {
        "detail": [
            {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}
        ]
    },
)
SYSTEM = (lambda body: body["messages"][0]["role"] == "system", said("System role not supported"))
ALTERNATE = (SYSTEM[0], {"message": "Conversation roles must alternate user/assistant/user/assistant/..."})
STREAM = (lambda body: body["stream"], said("Your organization must be verified to stream this model.", param="stream"))


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ([MAX_TOKENS], 400),
        ([TEMPERATURE], 400),
        ([STREAM_OPTIONS], 422),
        ([SYSTEM], 400),
        ([SYSTEM], 500),
        ([ALTERNATE], 400),
        ([STREAM], 400),
        ([MAX_TOKENS, TEMPERATURE, STREAM_OPTIONS, SYSTEM], 400),
    ],
)
async def test_a_field_that_a_server_rejects_costs_one_request_once(rules, status):
    server = PickyServer(*rules, status=status)
    async with generator_on(server) as generator:
        with capture_logs() as lines:
            for _ in range(3):
                text, reports, raised = await collect(generator)
                assert (text, reports[0], raised) == (ANSWER, Finish("stop"), None)
    assert len(server.requests) == 3 + len(rules)
    assert [line["event"] for line in lines] == ["model_server_quirk"] * len(rules)


async def test_the_adapted_request_keeps_the_limit_and_the_instructions():
    server = PickyServer(MAX_TOKENS, SYSTEM)
    async with generator_on(server) as generator:
        await collect(generator)
    assert server.requests[-1]["max_completion_tokens"] == 9
    assert server.requests[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nWhen did the bridge open?"}]


async def test_an_error_in_the_stream_about_a_field_is_answered_like_a_status():
    requests = []

    async def handler(request: web.Request) -> web.Response:
        requests.append(body := await request.json())
        if "temperature" in body:
            return web.Response(body=b'data: {"error": {"message": "temperature is not supported", "code": 400}}\n\n')
        return web.Response(body=PLAIN)

    async with generator_on(handler) as generator:
        assert (await collect(generator))[0] == ANSWER
    assert len(requests) == 2


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens, but max_tokens is invalid.",
        "'max_tokens' is too large: 384.",
        "The prompt is not allowed.",
    ],
)
async def test_a_rejected_question_is_not_sent_again(message):
    server = PickyServer((lambda _: True, said(message)))
    async with generator_on(server) as generator:
        _, _, raised = await collect(generator)
    assert isinstance(raised, BadResponse)
    assert len(server.requests) == 1


async def test_a_server_that_rejects_everything_is_asked_once_for_each_change():
    server = PickyServer((lambda _: True, said("Unsupported: max_tokens, temperature, stream_options")))
    async with generator_on(server) as generator:
        _, _, raised = await collect(generator)
        assert isinstance(raised, BadResponse)
        assert len(server.requests) == 4
        await collect(generator)
    assert len(server.requests) == 8  # Nothing was learned.


async def test_extra_fields_override_and_nulls_remove():
    server = PickyServer()
    extra = {"top_k": 5, "temperature": None, "max_tokens": 77, "chat_template_kwargs": {"enable_thinking": False}}
    async with generator_on(server, extra=extra) as generator:
        await collect(generator)
    [request] = server.requests
    assert "temperature" not in request
    assert (request["top_k"], request["max_tokens"]) == (5, 77)
    assert request["chat_template_kwargs"] == {"enable_thinking": False}


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
