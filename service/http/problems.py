"""Error responses as RFC 9457 problem details. Only this module maps errors to HTTP statuses."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from rag import errors
from service.http.error_shapes import render

_STATUS: list[tuple[type[errors.GroundworkError], int]] = [
    (errors.InvalidInput, 400),
    (errors.Unauthorized, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.PreconditionFailed, 412),
    (errors.BadResponse, 502),
    # Not a 5xx: a load balancer would treat this process as broken and move its load to the other replicas.
    (errors.Overloaded, 429),
    (errors.Unavailable, 503),
]
_DEFECT = 500
_INVALID_REQUEST = 422
_OF_FRAMEWORK = {
    400: ("unreadable_body", "The request body cannot be read."),
    404: ("unknown_path", "The API has no such path."),
    405: ("method_not_allowed", "The path does not allow this method."),
    408: ("body_timed_out", "The rest of the request body did not arrive in time."),
    413: ("too_large", "The request body is larger than the limit."),
    415: ("unsupported_media_type", "The request body has another media type than the path expects."),
    _INVALID_REQUEST: ("invalid_request", "The request body or a parameter does not match the schema."),
}

# Bounds of `Retry-After`: an earlier retry only adds load, and a client that is told to wait for a day gives up.
_MIN_RETRY_SECONDS = 1
_MAX_RETRY_SECONDS = 3600
_USUAL_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemType:
    """A kind of problem. Its `type` is stable, so that a client can decide by it what to do."""

    type: str
    status: int
    retryable: bool
    meaning: str


def add_problem_handlers(app: FastAPI, *, root_path: str = "") -> None:
    """Answer the exceptions of the framework. `ErrorResponses` answers all others."""
    app.add_exception_handler(RequestValidationError, _respond_to_invalid_request)
    app.add_exception_handler(HTTPException, partial(_respond_to_http_exception, root_path=root_path))


def problem_types() -> Iterator[ProblemType]:
    """Yield each type that a problem of this service can have."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.GroundworkError):
            meaning = "A defect of the service." if kind is errors.GroundworkError else (kind.__doc__ or "").strip()
            status = _status_of(kind)
            yield ProblemType(type=type_of(kind.code), status=status, retryable=kind.retryable, meaning=meaning)
    for status, (code, meaning) in _OF_FRAMEWORK.items():
        yield ProblemType(type=type_of(code), status=status, retryable=False, meaning=meaning)


def type_of(code: str) -> str:
    """Return the `type` of problems with the code of an error."""
    return f"urn:problem-type:{code.replace('_', '-')}"


def to_problem(error: Exception, scope: Scope) -> dict[str, Any]:
    """Return the problem details of an error, for a response body or for the `error` event of a stream."""
    if isinstance(error, errors.GroundworkError):
        more = {"errors": _faults_of(error)} if isinstance(error, errors.InvalidParts) else {}
        return _problem(scope, _status_of(type(error)), error.code, str(error), retryable=error.retryable, **more)
    detail = "The request failed because of a defect in the service. Search its log for this request id."
    return _problem(scope, _DEFECT, errors.GroundworkError.code, detail)


def respond_to(error: Exception, scope: Scope) -> JSONResponse:
    """Return the response to an error."""
    problem = to_problem(error, scope)
    headers = {}
    if problem["status"] == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if problem["status"] in {429, 503}:
        seconds = getattr(error, "retry_after", None) or _USUAL_RETRY_SECONDS
        headers["Retry-After"] = str(min(max(math.ceil(seconds), _MIN_RETRY_SECONDS), _MAX_RETRY_SECONDS))
    return _respond(problem, scope, headers)


def _faults_of(error: errors.InvalidParts) -> list[dict[str, str]]:
    return [{"field": name, "message": fault} for name, fault in error.faults.items()]


def _status_of(kind: type[errors.GroundworkError]) -> int:
    return next((status for parent, status in _STATUS if issubclass(kind, parent)), _DEFECT)


def _problem(
    scope: Scope, status: int, code: str, detail: str, *, retryable: bool = False, **more: Any
) -> dict[str, Any]:
    return {
        "type": type_of(code),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "retryable": retryable,
        "request_id": scope.get("state", {}).get("request_id"),
        **more,
    }


def _respond(problem: dict[str, Any], scope: Scope, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body, media_type = render(problem, scope)
    return JSONResponse(body, status_code=problem["status"], media_type=media_type, headers=headers)


async def _respond_to_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    code, _ = _OF_FRAMEWORK[_INVALID_REQUEST]
    faults = [{"field": _field_of(fault), "message": _message_of(fault)} for fault in error.errors()]
    detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
    return _respond(_problem(request.scope, _INVALID_REQUEST, code, detail, errors=faults), request.scope)


async def _respond_to_http_exception(request: Request, error: Exception, *, root_path: str) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code, _ = _OF_FRAMEWORK.get(error.status_code, (f"http_{error.status_code}", ""))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed_methods(request)
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"There is no such path. {root_path}/docs lists the paths of the API."
    return _respond(_problem(request.scope, error.status_code, code, detail), request.scope, headers)


def _allowed_methods(request: Request) -> str:
    """Return the methods of all routes with this path. The framework names those of the first route only."""
    methods: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= route.methods or {"GET"}  # Mounted files have no methods.
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _message_of(fault: dict[str, Any]) -> str:
    message: str = fault["msg"]
    return "This field does not exist. /docs lists the fields" if fault["type"] == "extra_forbidden" else message


def _field_of(fault: dict[str, Any]) -> str:
    """Return the path of the field in the request, or `body` for malformed JSON, which has a position instead."""
    path = [str(part) for part in fault["loc"][1:] if isinstance(part, str) or fault["type"] != "json_invalid"]
    return ".".join(path) or str(fault["loc"][0])
