"""The routes in OpenAI's shapes: their ends are counted and logged as those of `/v1/answers`, in OpenAI's words."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from httpx import Response

from rag.errors import Overloaded, Unavailable
from service.answering.drafts import Citation
from service.answering.events import Token
from service.answering.follow_ups import Turn
from service.settings import AnsweringSettings
from service.writing.unsure import UNSURE
from tests.support.passages import hit
from tests.unit.service.http.conftest import Served
from tests.unit.service.http.test_outcomes import (
    ANSWER,
    SOURCES,
    STEP,
    STEPPED,
    TEXT,
    answers,
    failing,
    hanging,
    leave,
)

CHAT = ("/v1/chat/completions", {"model": "groundwork-quote", "messages": [{"role": "user", "content": "How?"}]})
RESPONSES = ("/v1/responses", {"model": "groundwork-quote", "input": "How?"})
DOORS = pytest.mark.parametrize("door", [CHAT, RESPONSES], ids=["chat", "responses"])
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


async def ask(served: Served, door: tuple[str, dict], script: Callable, *, stream: bool = False, **more: Any):
    served.answerer.script = script
    path, body = door
    return await served.http.post(path, json=body | {"stream": stream} | more)


def events_of(body: str) -> list[tuple[str, Any]]:
    """Return name and data of each event. A chunk has no name."""
    events = []
    for block in body.split("\n\n")[:-1]:
        *name, data = (line.split(": ", 1)[1] for line in block.split("\n"))
        events.append((name[0] if name else "", data if data == "[DONE]" else json.loads(data)))
    return events


@DOORS
@STREAMED
async def test_an_answer_is_counted_and_logged_as_ok(served, door, stream):
    response = await ask(served, door, answers, stream=stream)
    [line] = await served.logged("request")
    assert (response.status_code, line["route"], line["outcome"]) == (200, door[0], "ok")
    assert served.counted() == {"ok": 1}
    assert response.headers["x-request-id"] in response.text


@DOORS
@STREAMED
async def test_an_early_failure_has_its_status_and_openais_shape(served, door, stream):
    error = Overloaded("The model server is overloaded.", upstream="CUDA", retry_after=6.2)
    response = await ask(served, door, failing(error), stream=stream)
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "error": {
            "message": "The model server is overloaded.",
            "type": "rate_limit_error",
            "param": None,
            "code": "rate_limit_exceeded",
            "request_id": response.headers["x-request-id"],
        }
    }
    [line] = await served.logged("request_failed")
    assert (line["reason"], line["upstream"]) == ("The model server is overloaded.", "CUDA")
    assert served.counted() == {"overloaded": 1}


@DOORS
async def test_the_steps_of_an_agentic_answer_do_not_disturb_its_stream(served, door):
    async def in_steps():
        for event in (*STEPPED, SOURCES, STEP, TEXT, replace(ANSWER, mode="agentic", steps=STEPPED[1:])):
            yield event

    response = await ask(served, door, in_steps, stream=True, model="groundwork-agentic")
    plain = await ask(served, door, answers, stream=True, model="groundwork-agentic")
    assert [name for name, _ in events_of(response.text)] == [name for name, _ in events_of(plain.text)]
    assert served.answerer.inquiries[0].mode == "agentic"
    listed = (await served.http.get("/v1/models")).json()["data"]
    assert "groundwork-agentic" in [model["id"] for model in listed]


@DOORS
async def test_a_late_failure_is_the_last_event_and_counts_as_an_error(served, door):
    response = await ask(served, door, failing(Unavailable("It failed."), before=(SOURCES, TEXT)), stream=True)
    *_, (name, data) = events_of(response.text)
    assert (name, data["error"]["message"], data["error"]["type"]) == ("error", "It failed.", "server_error")
    await served.logged("request")
    assert served.counted() == {"error": 1}


@DOORS
@STREAMED
async def test_a_client_that_leaves_cancels_the_answer(served, door, stream):
    await leave(served, hanging(SOURCES, TEXT), stream=stream, after_bytes=stream, door=door)
    await asyncio.wait_for(served.answerer.is_closed.wait(), 60)
    [line] = await served.logged("request")
    assert (line["status"], line["outcome"]) == (200 if stream else 499, "cancelled")


@DOORS
async def test_requests_that_outlast_the_drain_time_end_with_an_error(served, door):
    path, body = door
    served.answerer.script = hanging(SOURCES, TEXT)
    async with served.http.stream("POST", path, json=body | {"stream": True}) as response:
        chunks = response.aiter_text()
        first = await anext(chunks)
        served.server.should_exit = True
        *_, (name, data) = events_of(first + "".join([chunk async for chunk in chunks]))
    assert (name, data["error"]["code"]) == ("error", "unavailable")


class TestReadersWhoWaitLongerThanPromised:
    @pytest.fixture
    def settings(self, settings):
        answering = AnsweringSettings(stream_after_seconds=0.05, first_text_seconds=0.001)
        return settings.model_copy(update={"answering": answering})

    @DOORS
    async def test_they_gave_up(self, served, door):
        await leave(served, hanging(SOURCES), stream=True, after_bytes=True, door=door)
        await served.logged("request")
        assert served.counted() == {"abandoned": 1}


@pytest.mark.parametrize(
    ("door", "more", "status", "code", "param"),
    [
        (CHAT, {"model": "gpt-4o"}, 404, "model_not_found", None),
        (CHAT, {"messages": []}, 422, "invalid_request", "messages"),
        (CHAT, {"messages": [{"role": "assistant", "content": "Hi"}]}, 400, "invalid", None),
        (CHAT, {"messages": [{"role": "user", "content": " \n"}]}, 400, "invalid", None),
        (CHAT, {"messages": [{"role": "user", "content": "\u200b"}]}, 400, "invalid", None),
        (CHAT, {"messages": [{"role": "user", "content": "x" * 9000}]}, 400, "invalid", None),
        (CHAT, {"messages": [{"role": "user", "content": "x" * 1_100_000}]}, 413, "too_large", None),
        (CHAT, {"tool_choice": "required"}, 422, "invalid_request", "tool_choice"),
        (CHAT, {"stop": ["1", "2", "3", "4", "5"]}, 422, "invalid_request", "stop.list[constrained-str]"),
        (RESPONSES, {"input": []}, 422, "invalid_request", "input.list[InputItem]"),
        (RESPONSES, {"input": [{"type": "function_call_output", "output": "x"}]}, 400, "invalid", None),
        (RESPONSES, {"background": True}, 400, "invalid", None),
    ],
)
async def test_a_request_that_is_not_valid_is_an_error_in_openais_shape(served, door, more, status, code, param):
    response = await ask(served, door, answers, **more)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    if param:
        assert (error["param"] or "").startswith(param.partition(".")[0])
    await served.logged("request")
    assert served.counted() == {"invalid": 1}


@DOORS
async def test_the_last_user_message_is_the_question_and_answered_ones_before_are_turns(served, door):
    messages = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "Unanswered?"},
        {"role": "user", "content": [{"type": "text", "text": "Which pump?"}]},
        {"role": "assistant", "content": "The Kestrel [1]."},
        {"role": "user", "content": "  Which seals?\n"},
        {"role": "assistant", "content": ""},
    ]
    field = "messages" if door is CHAT else "input"
    response = await ask(served, door, answers, **{field: messages})
    assert response.status_code == 200
    [inquiry] = served.answerer.inquiries
    assert (inquiry.question, inquiry.mode) == ("Which seals?", "quote")
    assert inquiry.turns == [Turn(question="Which pump?", answer="The Kestrel [1].")]


async def test_earlier_messages_may_be_longer_than_a_question(served):
    earlier = [{"role": "user", "content": "x" * 90_000}, {"role": "assistant", "content": "y" * 90_000}]
    response = await ask(served, CHAT, answers, messages=[*earlier, *CHAT[1]["messages"]])
    assert response.status_code == 200


async def test_an_answer_that_is_cut_off_says_so_in_both_shapes(served):
    async def cut_off():
        yield SOURCES
        yield TEXT
        yield replace(ANSWER, finish_reason="length")

    completion = (await ask(served, CHAT, cut_off)).json()
    assert completion["choices"][0]["finish_reason"] == "length"
    response = (await ask(served, RESPONSES, cut_off)).json()
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    streamed = (await ask(served, RESPONSES, cut_off, stream=True)).text
    assert events_of(streamed)[-1][0] == "response.incomplete"


SCHEMA = {"type": "object", "properties": {"seal": {"type": "string"}}, "required": ["seal"]}
GENERATE = {"model": "groundwork-generate"}


def as_json(door: tuple[str, dict], schema: Any) -> dict[str, Any]:
    """Return the fields that ask for JSON."""
    if door is CHAT:
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "seal", "schema": schema}}}
    return {"text": {"format": {"type": "json_schema", "name": "seal", "schema": schema}}}


@DOORS
async def test_a_json_schema_reaches_the_writer(served, door):
    response = await ask(served, door, answers, **GENERATE, **as_json(door, SCHEMA))
    assert response.status_code == 200
    assert served.answerer.inquiries[0].schema == SCHEMA


@DOORS
@pytest.mark.parametrize(
    ("more", "words"),
    [
        (SCHEMA | {"type": "nonsense"}, "is not valid"),
        ({"$ref": "http://192.0.2.1/schema"}, "is not valid"),
        ({"type": "array", "maxItems": 10**9}, "is above 1,000"),
        ({"enum": ["x" * 30_000]}, "is longer than"),
    ],
)
async def test_a_schema_that_no_model_should_get_is_refused(served, door, more, words):
    response = await ask(served, door, answers, **GENERATE, **as_json(door, more))
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
    assert served.answerer.inquiries == []


async def test_a_mode_without_a_model_refuses_json(served):
    response = await ask(served, CHAT, answers, response_format={"type": "json_object"})
    assert (response.status_code, "groundwork-generate" in response.text) == (400, True)


@STREAMED
async def test_a_declined_answer_is_a_refusal_where_json_is_expected(served, stream):
    async def decline():
        yield SOURCES
        yield Token(text="Not in the documents.")
        yield replace(ANSWER, text="Not in the documents.", declined=True)

    response = await ask(served, CHAT, decline, stream=stream, **GENERATE, **as_json(CHAT, SCHEMA))
    if stream:
        deltas = [data["choices"][0]["delta"] for _, data in events_of(response.text) if data != "[DONE]"]
        assert "".join(delta.get("refusal", "") for delta in deltas) == "Not in the documents."
        assert "".join(delta.get("content", "") for delta in deltas) == ""
    else:
        message = response.json()["choices"][0]["message"]
        assert (message["content"], message["refusal"]) == (None, "Not in the documents.")


@DOORS
@STREAMED
async def test_an_unsure_answer_says_so_in_its_text_and_in_the_extension(served, door, stream):
    text = f"{UNSURE}It ends. [1]"

    async def hesitate():
        yield SOURCES
        yield Token(text=UNSURE)
        yield Token(text="It ends. [1]")
        citation = Citation(number=1, hit=hit("It ends in 1932."), quote="It ends")
        yield replace(ANSWER, text=text, unsure=True, citations=[citation])

    response = await ask(served, door, hesitate, stream=stream)
    shown, [annotation], whole = shown_by(response, door, stream=stream)
    assert shown == text
    place = annotation.get("url_citation", annotation)
    assert text[place["start_index"] : place["end_index"]] == "[1]"
    answer = whole["rag"]
    assert (answer["unsure"], answer["declined"], answer["answer"]) == (True, False, text)


def shown_by(response: Response, door: tuple[str, dict], *, stream: bool) -> tuple[str, list[Any], dict[str, Any]]:
    """Return the text and the annotations that a client shows, and the object that has the extension."""
    events = [(name, data) for name, data in events_of(response.text) if data != "[DONE]"] if stream else []
    whole = events[-1][1] if stream else response.json()
    if door is CHAT:
        choices = [choice for _, data in events for choice in data["choices"]] or whole["choices"]
        messages = [choice["delta" if stream else "message"] for choice in choices]
        annotations = [it for message in messages for it in message.get("annotations", [])]
        return "".join(message.get("content", "") for message in messages), annotations, whole
    whole = whole.get("response", whole)
    [content] = whole["output"][0]["content"]
    deltas = [data["delta"] for name, data in events if name == "response.output_text.delta"]
    return "".join(deltas) if stream else content["text"], content["annotations"], whole


async def test_an_unknown_model_names_those_that_exist(served):
    response = await served.http.get("/v1/models/gpt-4o")
    assert response.status_code == 404
    assert "groundwork-quote" in response.json()["error"]["message"]
