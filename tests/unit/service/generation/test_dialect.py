"""The generator changes a request that a server rejects, and remembers what works."""

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from rag.errors import BadResponse
from service.generation.base import Finish
from tests.support.fakes.model_servers import ANSWER, CASES, PLAIN, CaseServer
from tests.unit.service.generation.test_model_servers import collect, generator_on


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
DEPRECATED = (TEMPERATURE[0], said("`temperature` is deprecated for this model."))
TOP_P = (TEMPERATURE[0], said("`temperature` and `top_p` cannot both be specified for this model."))
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
        ([DEPRECATED], 400),
        ([TOP_P], 400),
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
