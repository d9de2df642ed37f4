"""What a client, the metrics and the log say about the end of a request: all three must agree."""

import asyncio
import itertools
import json
from dataclasses import replace

import httpx
import pytest

from rag.errors import BadResponse, Overloaded, Unavailable
from service.answering.drafts import Answer
from service.answering.events import Sources, Token
from service.grounding.checking import CheckedSentence
from service.settings import AnsweringSettings
from service.writing.base import Groundedness, Step, WritingInput
from tests.unit.service.http.conftest import QUESTION, Served, events_of

SOURCES = Sources(citations=[])
TEXT = Token(text="It ends.")
ANSWER = Answer(
    id="1",
    text="It ends.",
    timings={"total": 0.1},
    mode="generate",
    writing_input=WritingInput(question=QUESTION["question"], vector=None, hits=[]),
)
FOREVER = 3600
SECRET = "sk-live-77aa1234beef"


async def answers():
    yield SOURCES
    yield TEXT
    yield ANSWER


def failing(error: Exception, *, before: tuple = (SOURCES,), cause: Exception | None = None):
    """Return a script that yields some events and then fails."""

    async def script():
        for event in before:
            yield event
        raise error from cause

    return script


def hanging(*before):
    """Return a script that yields some events and then waits."""

    async def script():
        for event in before:
            yield event
        await asyncio.sleep(FOREVER)

    return script


async def leave(
    served: Served, script, *, stream: bool, after_bytes: bool, door: tuple[str, dict] = ("/v1/answers", QUESTION)
) -> None:
    """Ask, and close the connection: after the first bytes of the response, or while the answerer works."""
    served.answerer.script = script
    path, body = door
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
        asking = client.stream("POST", path, json=body | {"stream": stream})
        if after_bytes:
            async with asking as response:
                await anext(response.aiter_bytes())
            return
        waiting = asyncio.create_task(asking.__aenter__())
        await asyncio.wait_for(served.answerer.is_working.wait(), 60)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_is_counted_and_logged_as_ok(served, stream):
    response = await served.ask(answers, stream=stream)
    [line] = await served.logged("request")
    assert (response.status_code, line["status"], line["outcome"]) == (200, 200, "ok")
    assert line["request_id"] == response.headers["x-request-id"]
    assert served.counted() == {"ok": 1}
    if stream:
        assert [name for name, _ in events_of(response.text)] == ["sources", "token", "done"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_defect_is_a_500_with_the_request_id_and_one_line_with_the_traceback(served, stream):
    defect = KeyError("a passage")
    response = await served.ask(failing(defect), stream=stream)
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert response.headers["x-content-type-options"] == "nosniff"
    problem = response.json()
    assert (problem["type"], problem["retryable"]) == ("urn:problem-type:internal", False)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert "passage" not in response.text
    [line] = await served.logged("defect")
    assert (line["log_level"], line["request_id"], line["exc_info"]) == ("error", problem["request_id"], defect)
    [request] = await served.logged("request")
    assert (request["status"], request["outcome"]) == (500, "error")
    assert served.counted() == {"error": 1}


STEP = Step(number=1, name="plan", status="started", text="Planning the searches…")
STEPPED = (STEP, replace(STEP, status="done", text="Planned: How does it end?"))


async def test_the_steps_of_an_answer_are_events_in_order_and_part_of_the_answer(served):
    async def in_steps():
        for event in (*STEPPED, SOURCES, TEXT, replace(ANSWER, mode="agentic", steps=STEPPED[1:])):
            yield event

    response = await served.ask(in_steps, stream=True, mode="agentic")
    events = events_of(response.text)
    assert [name for name, _ in events] == ["step", "step", "sources", "token", "done"]
    finished = {"number": 1, "name": "plan", "status": "done", "text": "Planned: How does it end?"}
    assert (events[1][1], events[-1][1]["steps"]) == (finished, [finished])
    assert served.answerer.inquiries[-1].mode == "agentic"


async def test_an_error_after_some_steps_and_before_the_stream_begins_has_a_status(served):
    response = await served.ask(failing(Unavailable("down"), before=(*STEPPED, SOURCES)), stream=True, mode="agentic")
    assert (response.status_code, response.json()["detail"]) == (503, "down")


async def test_a_defect_inside_a_stream_is_an_error_event_and_counts_as_an_error(served):
    defect = ZeroDivisionError("a passage")
    response = await served.ask(failing(defect, before=(SOURCES, TEXT)), stream=True)
    assert response.status_code == 200
    *_, (name, problem) = events_of(response.text)
    assert (name, problem["status"]) == ("error", 500)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert "passage" not in response.text
    [line] = await served.logged("defect")
    assert (line["request_id"], line["exc_info"]) == (problem["request_id"], defect)
    [request] = await served.logged("request")
    assert (request["status"], request["outcome"]) == (200, "error")
    assert served.counted() == {"error": 1}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failed_dependency_is_logged_with_its_reason_and_its_words_stay_in_the_log(served, stream):
    error = Unavailable("The model server failed.", upstream=f"CUDA is broken for {SECRET}", retry_after=6.2)
    response = await served.ask(failing(error, cause=ConnectionResetError()), stream=stream)
    assert (response.status_code, response.headers["retry-after"]) == (503, "7")
    problem = response.json()
    assert (problem["type"], problem["detail"]) == ("urn:problem-type:unavailable", "The model server failed.")
    assert "CUDA" not in response.text
    [line] = await served.logged("request_failed")
    assert (line["log_level"], line["request_id"]) == ("warning", response.headers["x-request-id"])
    assert (line["error"], line["reason"], line["cause"]) == (
        "Unavailable",
        "The model server failed.",
        "ConnectionResetError",
    )
    assert line["upstream"] == "CUDA is broken for ***"
    assert served.counted() == {"error": 1}


@pytest.mark.parametrize(
    ("error", "outcome", "status"),
    [(BadResponse("It is broken."), "error", 502), (Overloaded("It is full."), "overloaded", 429)],
)
async def test_a_stream_that_breaks_ends_with_an_event_and_counts_as_the_status_of_its_error(
    served, error, outcome, status
):
    response = await served.ask(failing(error, before=(SOURCES, TEXT), cause=ValueError()), stream=True)
    assert response.status_code == 200
    *_, (name, problem) = events_of(response.text)
    assert (name, problem["status"], problem["detail"]) == ("error", status, str(error))
    [line] = await served.logged("request_failed")
    assert (line["request_id"], line["reason"], line["cause"]) == (problem["request_id"], str(error), "ValueError")
    assert served.counted() == {outcome: 1}


@pytest.mark.parametrize("after_bytes", [False, True])
async def test_a_client_that_leaves_a_stream_cancels_the_answer(served, after_bytes):
    await leave(served, hanging(SOURCES, TEXT) if after_bytes else hanging(), stream=True, after_bytes=after_bytes)
    await asyncio.wait_for(served.answerer.is_closed.wait(), 60)
    [request] = await served.logged("request")
    assert (request["status"], request["outcome"]) == (200 if after_bytes else 499, "cancelled")
    assert {line["event"] for line in served.lines} == {"request"}
    assert served.counted() == {"cancelled": 1}


async def test_a_client_that_does_not_wait_for_json_cancels_the_answer(served):
    await leave(served, hanging(SOURCES, TEXT), stream=False, after_bytes=False)
    await asyncio.wait_for(served.answerer.is_closed.wait(), 60)
    [request] = await served.logged("request")
    assert (request["status"], request["outcome"]) == (499, "cancelled")
    assert {line["event"] for line in served.lines} == {"request"}
    assert served.counted() == {"cancelled": 1}


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "name"),
    [
        ("GET", "/nowhere", {}, 404, "unknown-path"),
        ("DELETE", "/v1/answers", {}, 405, "method-not-allowed"),
        ("POST", "/v1/answers", {"content": "x" * 200_000}, 413, "too-large"),
        ("POST", "/v1/answers", {"json": {}}, 422, "invalid-request"),
        ("POST", "/v1/answers", {"json": {"question": "x" * 9000}}, 400, "invalid"),
        ("GET", "/v1/answers/unknown/explain", {}, 404, "not-found"),
        ("GET", "/", {"headers": {"Host": "evil.example"}}, 400, "unknown-host"),
        ("GET", "/", {"headers": {"Via": "1.1 proxy"}}, 403, "key-required"),
    ],
)
async def test_a_request_that_is_not_valid_leaves_one_line_too(served, method, path, more, status, name):
    response = await served.http.request(method, path, **more)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    problem = response.json()
    assert (problem["type"], problem["status"]) == (f"urn:problem-type:{name}", status)
    [line] = await served.logged("request")
    assert (line["status"], line["outcome"]) == (status, "invalid")
    assert line["request_id"] == problem["request_id"] == response.headers["x-request-id"]
    assert served.counted() == {"invalid": 1}


class TestASlowModel:
    """The model needs longer than `RAG_ANSWERING__STREAM_AFTER_SECONDS`."""

    @pytest.fixture
    def settings(self, settings):
        answering = AnsweringSettings(stream_after_seconds=0.05, first_text_seconds=60)
        return settings.model_copy(update={"answering": answering})

    async def test_the_stream_begins_with_the_passages_while_the_model_works(self, served):
        may_write = asyncio.Event()

        async def script():
            yield SOURCES
            await may_write.wait()
            yield TEXT
            yield ANSWER

        served.answerer.script = script
        async with served.http.stream("POST", "/v1/answers", json=QUESTION | {"stream": True}) as response:
            chunks = response.aiter_text()
            assert [name for name, _ in events_of(await anext(chunks))] == ["sources"]
            may_write.set()
            rest = "".join([chunk async for chunk in chunks])
        assert [name for name, _ in events_of(rest)] == ["token", "done"]
        await served.logged("request")
        assert served.counted() == {"ok": 1}

    async def test_the_stream_begins_with_the_steps_while_the_agent_works(self, served):
        may_search = asyncio.Event()

        async def script():
            yield STEPPED[0]
            yield STEPPED[1]
            await may_search.wait()
            yield SOURCES
            yield TEXT
            yield ANSWER

        served.answerer.script = script
        async with served.http.stream("POST", "/v1/answers", json=QUESTION | {"stream": True}) as response:
            received = ""
            async for chunk in response.aiter_text():
                received += chunk
                if len(events_of(received)) == 2:
                    may_search.set()
        assert [name for name, _ in events_of(received)] == ["step", "step", "sources", "token", "done"]

    async def test_a_late_failure_is_an_event(self, served):
        async def script():
            yield SOURCES
            await asyncio.sleep(0.5)
            raise Unavailable("The model server failed.")

        response = await served.ask(script, stream=True)
        assert response.status_code == 200
        assert [name for name, _ in events_of(response.text)] == ["sources", "error"]
        await served.logged("request")
        assert served.counted() == {"error": 1}

    async def test_json_waits_for_the_whole_answer(self, served):
        async def script():
            yield SOURCES
            await asyncio.sleep(0.5)
            raise Unavailable("The model server failed.")

        assert (await served.ask(script)).status_code == 503

    async def test_a_client_that_leaves_cancels_the_answer(self, served):
        await leave(served, hanging(SOURCES), stream=True, after_bytes=True)
        await asyncio.wait_for(served.answerer.is_closed.wait(), 60)
        await served.logged("request")
        assert served.counted() == {"cancelled": 1}

    async def test_a_client_that_leaves_just_before_the_stream_begins_cancels_the_answer(self, served):
        served.answerer.script = hanging(SOURCES)
        body = json.dumps(QUESTION | {"stream": True}).encode()
        calls = itertools.count()

        async def receive():
            match next(calls):
                case 0:
                    return {"type": "http.request", "body": body, "more_body": False}
                case 1:  # While the answer begins, the client is there.
                    return await asyncio.Event().wait()
                case _:
                    return {"type": "http.disconnect"}

        async def send(_):
            await asyncio.sleep(0)  # As a server whose connection is congested.

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/answers",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
            "state": dict(served.server.lifespan.state),
        }
        await served.server.config.loaded_app(scope, receive, send)
        await asyncio.wait_for(served.answerer.is_closed.wait(), 60)
        assert served.counted() == {"cancelled": 1}


class TestReadersWhoWaitLongerThanPromised:
    """They leave after `RAG_ANSWERING__FIRST_TEXT_SECONDS`."""

    @pytest.fixture
    def settings(self, settings):
        answering = AnsweringSettings(stream_after_seconds=0.05, first_text_seconds=0.001)
        return settings.model_copy(update={"answering": answering})

    @pytest.mark.parametrize(
        ("script", "stream", "after_bytes", "outcome"),
        [
            (hanging(SOURCES), False, False, "abandoned"),
            (hanging(), True, False, "abandoned"),
            (hanging(SOURCES), True, True, "abandoned"),
            (hanging(SOURCES, TEXT), True, True, "cancelled"),
        ],
        ids=["json", "before the stream", "with passages only", "with text"],
    )
    async def test_they_gave_up_unless_they_saw_text(self, served, script, stream, after_bytes, outcome):
        await leave(served, script, stream=stream, after_bytes=after_bytes)
        [request] = await served.logged("request")
        assert request["outcome"] == outcome
        assert served.counted() == {outcome: 1}


async def test_requests_that_outlast_the_drain_time_end_with_an_error(served):
    served.answerer.script = hanging(SOURCES, TEXT)
    async with served.http.stream("POST", "/v1/answers", json=QUESTION | {"stream": True}) as response:
        chunks = response.aiter_text()
        first = await anext(chunks)
        served.answerer.is_working.clear()
        waiting = asyncio.create_task(served.http.post("/v1/answers", json=QUESTION))
        await asyncio.wait_for(served.answerer.is_working.wait(), 60)
        served.server.should_exit = True
        streamed = events_of(first + "".join([chunk async for chunk in chunks]))
    assert [name for name, _ in streamed] == ["sources", "token", "error"]
    assert streamed[-1][1]["status"] == 503
    answer = await waiting
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem-type:unavailable")
    assert len(await served.logged("request_failed")) == 2
    assert served.counted() == {"error": 2}


async def test_unsupported_sentences_are_reported_in_json_and_at_the_end_of_a_stream(served):
    text = "It opened. \N{ROCKET} It flies [1]."
    flight = CheckedSentence(start=11, end=len(text), cited=(1,), verdict="unsupported")
    answer = replace(ANSWER, text=text, groundedness=Groundedness(supported=1, unsupported=[flight]))

    async def flagged():
        yield SOURCES
        yield Token(text=text)
        yield answer

    expected = {
        "supported": 1,
        "unsupported": [{"text": "\N{ROCKET} It flies [1].", "start": 11, "citations": [1]}],
        "withheld": 0,
    }
    assert (await served.ask(flagged)).json()["groundedness"] == expected
    events = events_of((await served.ask(flagged, stream=True)).text)
    assert events[-1][0] == "done"
    assert events[-1][1]["groundedness"] == expected
