"""Every error as a problem: its status, its headers and its body."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from structlog.testing import capture_logs

from rag import errors
from service.http.error_shapes import MEDIA_TYPE
from service.http.failures import ErrorResponses
from service.http.problems import add_problem_handlers, problem_types, respond_to, to_problem

STATUSES = [
    (errors.InvalidInput, 400, False),
    (errors.Unauthorized, 401, False),
    (errors.Forbidden, 403, False),
    (errors.NotFound, 404, False),
    (errors.Overloaded, 429, True),
    (errors.BadResponse, 502, False),
    (errors.Unavailable, 503, True),
    (errors.TimedOut, 503, True),
    (errors.Misconfigured, 500, False),
]


class Filter(BaseModel):
    model_config = ConfigDict(extra="forbid")
    page: int = 1


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    filter: Filter = Filter()
    tags: list[str] = []


@pytest.fixture
def raised() -> list[Exception]:
    """The error that `/raise` raises."""
    return []


@pytest.fixture
async def client(raised) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.add_middleware(ErrorResponses, stopping=asyncio.Event())
    add_problem_handlers(app)

    @app.get("/raise")
    async def raise_it() -> None:
        raise raised[0]

    @app.get("/both")
    @app.delete("/both")
    async def both() -> None:
        raise AssertionError("never called")

    @app.post("/ask")
    async def ask(question: Question) -> str:
        return question.text

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


@pytest.mark.parametrize(("kind", "status", "retryable"), STATUSES)
async def test_each_error_has_its_status_and_says_whether_to_try_again(client, raised, kind, status, retryable):
    raised.append(kind("The reason."))
    with capture_logs() as lines:
        response = await client.get("/raise")
    assert response.status_code == status
    assert response.headers["content-type"] == MEDIA_TYPE
    body = response.json()
    assert (body["status"], body["detail"], body["retryable"]) == (status, "The reason.", retryable)
    assert body["title"]
    assert body["type"] == f"urn:problem-type:{kind.code.replace('_', '-')}"
    assert ("retry-after" in response.headers) == (status in {429, 503})
    assert ("www-authenticate" in response.headers) == (status == 401)
    [line] = [line for line in lines if line["event"] == "request_failed"]
    assert (line["status"], line["error"]) == (status, kind.__name__)


def test_the_error_event_of_a_stream_has_the_same_body_with_the_request_id():
    problem = to_problem(errors.Overloaded("Full."), {"path": "/v1/answers", "state": {"request_id": "r1"}})
    assert (problem["status"], problem["detail"], problem["retryable"]) == (429, "Full.", True)
    assert problem["request_id"] == "r1"


@pytest.mark.parametrize(("seconds", "told"), [(None, "2"), (0.0, "2"), (0.2, "1"), (7.1, "8"), (90_000.0, "3600")])
def test_retry_after_is_a_whole_number_within_bounds(seconds, told):
    assert (
        respond_to(errors.Overloaded("Full.", retry_after=seconds), {"path": "/v1/answers"}).headers["retry-after"]
        == told
    )


def test_each_kind_of_problem_has_a_type_of_its_own():
    types = [problem.type for problem in problem_types()]
    assert len(set(types)) == len(types)
    assert {"urn:problem-type:overloaded", "urn:problem-type:unknown-path", "urn:problem-type:internal"} <= set(types)
    assert all(problem.meaning.endswith(".") for problem in problem_types())


async def test_the_reason_of_a_fault_of_the_client_is_not_logged(client, raised):
    raised.append(errors.InvalidInput("secret-plan.md is not a document."))
    with capture_logs() as lines:
        await client.get("/raise")
    assert "secret-plan" not in str(lines)


async def test_an_invalid_request_names_each_field(client):
    response = await client.post("/ask", json={"filter": {"page": "one"}})
    assert response.status_code == 422
    body = response.json()
    assert {fault["field"] for fault in body["errors"]} == {"text", "filter.page"}
    assert "text: " in body["detail"]
    assert "filter.page: " in body["detail"]
    assert body["retryable"] is False


async def test_a_wrong_element_of_a_list_is_named_by_its_position(client):
    body = (await client.post("/ask", json={"text": "x", "tags": ["a", 5]})).json()
    assert [fault["field"] for fault in body["errors"]] == ["tags.1"]


async def test_another_method_is_refused_with_all_methods_of_the_path(client):
    response = await client.put("/both")
    assert (response.status_code, response.headers["allow"]) == (405, "DELETE, GET, HEAD")
    assert response.json()["type"] == "urn:problem-type:method-not-allowed"


async def test_an_unknown_field_is_told_from_a_wrong_one(client):
    unknown = (await client.post("/ask", json={"text": "x", "colour": "red"})).json()["errors"]
    wrong = (await client.post("/ask", json={"text": 5})).json()["errors"]
    assert [fault["field"] for fault in unknown] == ["colour"]
    assert "/docs" in unknown[0]["message"]
    assert [fault["field"] for fault in wrong] == ["text"]
    assert "/docs" not in wrong[0]["message"]


async def test_a_body_that_is_not_json_is_a_fault_of_the_body(client):
    response = await client.post("/ask", content=b'{"text": ', headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert [fault["field"] for fault in response.json()["errors"]] == ["body"]


async def test_an_http_exception_keeps_its_status_text_and_headers(client, raised):
    raised.append(HTTPException(413, "Too much.", headers={"X-Limit": "7"}))
    response = await client.get("/raise")
    assert (response.status_code, response.json()["detail"], response.headers["x-limit"]) == (413, "Too much.", "7")
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.json()["retryable"] is False


async def test_a_defect_is_logged_with_its_cause_and_tells_the_client_nothing(client, raised):
    raised.append(ZeroDivisionError("secret detail"))
    with capture_logs() as lines:
        response = await client.get("/raise")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert [line["exc_info"] for line in lines if line["event"] == "defect"] == raised
