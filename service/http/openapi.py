"""Parts of the OpenAPI document that FastAPI cannot derive from types: problems, event streams and uploads."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from rag import errors
from rag.formats import FORMATS
from service.http.error_shapes import MEDIA_TYPE, speaks_openai, to_openai_code
from service.http.event_stream import EVENT_STREAM
from service.http.problems import ProblemType, problem_types, type_of
from service.http.schemas.chat import ChatCompletionChunk
from service.http.schemas.events import SourcesEvent, TokenEvent
from service.http.schemas.problems import OpenAIError, Problem
from service.http.schemas.responses import ResponseEvent

_RAISED = "x-raised"
_JSON = "application/json"
_SCHEMAS = "#/components/schemas/"
_TYPES = {problem.type: problem for problem in problem_types()}
# Defects, and installations whose parts do not fit together, can show in any route.
_DEFECTS = frozenset(problem for problem in _TYPES.values() if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR)
_PROBES = frozenset({"/livez", "/readyz"})
_WITH_A_KEY = (errors.Unauthorized, errors.KeysUnavailable, errors.Unavailable, errors.TimedOut)
OF_STORE = (errors.CollectionMissing, errors.RequestRejected)
"""Errors that each route that reads the store can raise."""
_HEADERS = {
    "X-Request-Id": {"description": "Id of the request in the service's log.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds after which a retry may succeed.", "schema": {"type": "integer"}},
}


def raises(*kinds: type[errors.GroundworkError]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that raises these errors itself."""
    return {_RAISED: [type_of(kind.code) for kind in kinds]}


def uploads() -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose body is a document in any of the formats."""
    body = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
    # The schema of a JSON body describes its value, and any value is a document.
    content = {known.media_type: {} if known.media_type == _JSON else body for known in FORMATS}
    return {"requestBody": {"required": True, "content": content}}


def forms(*, max_files: int) -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose body is a form with files."""
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    files = {"type": "array", "items": file, "minItems": 1, "maxItems": max_files}
    schema = {"type": "object", "properties": {"file": files}, "required": ["file"]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def streams(
    events: Mapping[str, type[BaseModel]], *, error: type[BaseModel] = Problem, end: str | None = None
) -> dict[int | str, Any]:
    """Return the `responses` of a route that can respond with these events. An event may have an empty name.

    `end` is the text that ends a stream, if it is not an event with JSON.
    """
    items = [_event(name, model.__name__) for name, model in {**events, "error": error}.items()]
    if end is not None:
        items.append({"type": "object", "properties": {"data": {"const": end}}, "required": ["data"]})
    return {200: {"content": {EVENT_STREAM: {"itemSchema": {"oneOf": items}}}}}


def describe(app: FastAPI, *, question_chars: int, prompt_versions: Sequence[str]) -> None:
    """Complete the OpenAPI document of the application. FastAPI builds the document when it is first read.

    Settings decide how long a question may be and which prompt versions exist, so the document differs as well.
    """
    build = app.openapi

    def build_complete() -> dict[str, Any]:
        is_first = app.openapi_schema is None
        document = build()
        if is_first:
            _complete(document)
            _add_settings(document, question_chars, prompt_versions)
        return document

    app.openapi = build_complete  # type: ignore[method-assign]  # FastAPI documents this way of extending it.


def _complete(document: dict[str, Any]) -> None:
    components = document["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    for model in (Problem, OpenAIError, SourcesEvent, TokenEvent, ChatCompletionChunk, ResponseEvent):
        components["schemas"] |= _schemas_of(model)
    components["headers"] = _HEADERS
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _add_problems(path, operation)


def _add_settings(document: dict[str, Any], question_chars: int, prompt_versions: Sequence[str]) -> None:
    for name in ("SearchRequest", "AnswerRequest"):
        document["components"]["schemas"][name]["properties"]["question"]["maxLength"] = question_chars
    operations = (operation for item in document["paths"].values() for operation in item.values())
    for parameter in (it for operation in operations for it in operation.get("parameters", ())):
        if prompt_versions and parameter["name"] == "x-prompt-version":
            parameter["schema"] = {"type": "string", "enum": list(prompt_versions)}


def _add_problems(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    types: defaultdict[int, set[str]] = defaultdict(set)
    for problem in _problems_of(path, operation):
        types[problem.status].add(problem.type)
    # FastAPI describes its own form of this response, which the service replaces.
    responses.pop(str(HTTPStatus.UNPROCESSABLE_ENTITY.value), None)
    for status, names in sorted(types.items()):
        response = responses.setdefault(str(status), {"description": HTTPStatus(status).phrase})
        media_type, schema = _openai_error_of(names) if speaks_openai(path) else _problem_of(status, names)
        response.setdefault("content", {})[media_type] = {"schema": schema}
    for status, response in responses.items():
        headers = ["X-Request-Id", "Retry-After"] if status in {"429", "503"} else ["X-Request-Id"]
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _problems_of(path: str, operation: dict[str, Any]) -> Iterator[ProblemType]:
    """Yield what the route raises itself, and what it inherits from the entrance, authentication and validation."""
    yield from (_TYPES[name] for name in operation.pop(_RAISED, ()))
    yield from _DEFECTS
    yield _type(errors.UnknownHost.code)
    if path not in _PROBES:
        yield _type(errors.KeyRequired.code)
    if operation.get("security"):
        yield from (_type(kind.code) for kind in _WITH_A_KEY)
    if "422" in operation["responses"]:
        yield _type("invalid_request")
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        yield from (_type("too_large"), _type("body_timed_out"))
    if _JSON in body and len(body) == 1:
        yield from (_type("unreadable_body"), _type("unsupported_media_type"))


def _type(code: str) -> ProblemType:
    return _TYPES[type_of(code)]


def _problem_of(status: int, types: set[str]) -> tuple[str, dict[str, Any]]:
    narrowed = {"type": {"enum": sorted(types)}, "status": {"const": status}}
    return MEDIA_TYPE, {"allOf": [_reference(Problem.__name__), {"properties": narrowed}]}


def _openai_error_of(types: set[str]) -> tuple[str, dict[str, Any]]:
    code = {"enum": sorted(map(to_openai_code, types))}
    narrowed = {"properties": {"error": {"properties": {"code": code}}}}
    return _JSON, {"allOf": [_reference(OpenAIError.__name__), narrowed]}


def _event(name: str, schema: str) -> dict[str, Any]:
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": _reference(schema)}
    properties = {"event": {"const": name}, "data": data} if name else {"data": data}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"{_SCHEMAS}{schema}"}


def _schemas_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template=_SCHEMAS + "{model}", mode="serialization")
    return {**schema.pop("$defs", {}), model.__name__: schema}
