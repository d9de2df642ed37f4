"""Error responses as RFC 9457 problem details. Only this module maps errors to HTTP statuses."""

import http
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from rag import errors
from service.http.disconnect import CLIENT_GONE, ClientGone

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

_STATUS: list[tuple[type[errors.GroundworkError], int]] = [
    (errors.InvalidInput, 400),
    (errors.Unauthorized, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.BadResponse, 502),
    # Not a 5xx: a load balancer would treat this process as broken and move its load to the other replicas.
    (errors.Overloaded, 429),
    (errors.Unavailable, 503),
]
_RETRY_LATER = {"Retry-After": "2"}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 429: _RETRY_LATER, 503: _RETRY_LATER}


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(errors.GroundworkError, _respond_to_error)
    app.add_exception_handler(RequestValidationError, _respond_to_invalid_request)
    app.add_exception_handler(HTTPException, _respond_to_http_exception)
    app.add_exception_handler(ClientGone, _respond_to_disconnect)
    app.add_exception_handler(Exception, _respond_to_defect)


def to_problem(error: errors.GroundworkError) -> dict[str, Any]:
    """Return the problem details of an error, for a response body or for the `error` event of a stream."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    kind = f"urn:problem-type:{error.code.replace('_', '-')}"
    return _problem(status, str(error), type=kind, retryable=error.retryable)


def respond_to(error: errors.GroundworkError) -> JSONResponse:
    """Return the response to an error, and log the error."""
    problem = to_problem(error)
    log.warning("request_failed", status=problem["status"], error=type(error).__name__)
    return _respond(problem, _HEADERS.get(problem["status"]))


def _problem(status: int, detail: str, **more: Any) -> dict[str, Any]:
    return {"type": "about:blank", "title": http.HTTPStatus(status).phrase, "status": status, "detail": detail} | more


def _respond(problem: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem, status_code=problem["status"], media_type=MEDIA_TYPE, headers=headers)


async def _respond_to_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.GroundworkError)
    return respond_to(error)


async def _respond_to_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [{"field": _field_of(fault), "message": _message_of(fault)} for fault in error.errors()]
    detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
    return _respond(_problem(422, detail, retryable=False, errors=faults))


async def _respond_to_http_exception(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _respond(_problem(error.status_code, error.detail, retryable=False), dict(error.headers or {}))


async def _respond_to_disconnect(_: Request, __: Exception) -> Response:
    """Return the status for the metrics. The client does not receive it."""
    return Response(status_code=CLIENT_GONE)


async def _respond_to_defect(_: Request, error: Exception) -> JSONResponse:
    log.error("defect", exc_info=error)
    return _respond(_problem(500, "Internal error. The service's log has the cause under this X-Request-Id."))


def _message_of(fault: dict[str, Any]) -> str:
    message: str = fault["msg"]
    return "This field does not exist. /docs lists the fields" if fault["type"] == "extra_forbidden" else message


def _field_of(fault: dict[str, Any]) -> str:
    """Return the path of the field in the request, or `body` for malformed JSON, which has a position instead."""
    path = [str(part) for part in fault["loc"][1:] if isinstance(part, str) or fault["type"] != "json_invalid"]
    return ".".join(path) or str(fault["loc"][0])
