"""The OpenAPI document names every error, every status and every form of a body."""

from typing import Any

import pytest

from rag import errors
from rag.formats import FORMATS
from service.http.error_shapes import MEDIA_TYPE, to_openai_code
from service.http.problems import problem_types, type_of
from tests.support.reference.http_api import describe_api

# The path and the method do not exist, so no operation can describe these.
_OF_NO_OPERATION = {type_of("unknown_path"), type_of("method_not_allowed")}


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    return describe_api()


@pytest.fixture(scope="module")
def operations(api) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in api["paths"].items()
        for method, operation in item.items()
    }


def described(operation: dict[str, Any]) -> set[tuple[int, str]]:
    """Return the status and the type of each problem of an operation. OpenAI's errors have a code for each type."""
    problems = set()
    types = {to_openai_code(problem.type): problem.type for problem in problem_types()}
    for status, response in operation["responses"].items():
        if "OpenAIError" in str(response) and not status.startswith("2"):
            [_, narrowed] = response["content"]["application/json"]["schema"]["allOf"]
            codes = narrowed["properties"]["error"]["properties"]["code"]["enum"]
            problems |= {(int(status), types[code]) for code in codes}
        if MEDIA_TYPE in response.get("content", {}):
            [_, narrowed] = response["content"][MEDIA_TYPE]["schema"]["allOf"]
            problems |= {(int(status), name) for name in narrowed["properties"]["type"]["enum"]}
    return problems


@pytest.mark.slow
def test_each_type_of_problem_is_described_with_its_status(operations):
    everywhere = set().union(*map(described, operations.values()))
    assert everywhere == {
        (problem.status, problem.type) for problem in problem_types() if problem.type not in _OF_NO_OPERATION
    }


def test_each_class_of_error_is_a_type_of_problem():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = [kind.code for kind in kinds if issubclass(kind, errors.GroundworkError)]
    assert len(codes) == len(set(codes)) > 10
    assert {type_of(code) for code in codes} <= {problem.type for problem in problem_types()}


def test_every_operation_can_fail_and_each_response_has_a_request_id(operations):
    for name, operation in operations.items():
        assert (500, type_of("internal")) in described(operation), name
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"], (name, status)
            assert ("Retry-After" in response["headers"]) == (status in {"429", "503"}), (name, status)


def test_every_operation_below_v1_needs_a_key(operations):
    for name, operation in operations.items():
        is_api = " /v1/" in name
        assert bool(operation.get("security")) == is_api, name
        assert ((401, type_of("unauthorized")) in described(operation)) == is_api, name


def test_a_stream_is_described_with_the_schema_of_each_event(api, operations):
    content = operations["POST /v1/answers"]["responses"]["200"]["content"]
    events = content["text/event-stream"]["itemSchema"]["oneOf"]
    schemas = {
        event["properties"]["event"]["const"]: event["properties"]["data"]["contentSchema"]["$ref"] for event in events
    }
    assert set(schemas) == {"step", "sources", "token", "done", "error"}
    for reference in schemas.values():
        assert reference.rpartition("/")[2] in api["components"]["schemas"]


def test_an_upload_is_described_for_every_format(operations):
    content = operations["PUT /v1/documents/{document_id}"]["requestBody"]["content"]
    assert set(content) >= {known.media_type for known in FORMATS}


def test_every_reference_of_the_document_resolves(api):
    def references(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
            return own.union(*map(references, part.values()))
        return set().union(*map(references, part)) if isinstance(part, list) else set()

    for reference in references(api):
        _, *steps = reference.split("/")
        target = api
        for step in steps:
            target = target[step]
