"""Responses to errors: a problem before the response has started, an `error` event in a stream that runs."""

import asyncio
import json
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.errors import GroundworkError, Unavailable
from rag.tracing.spans import fail
from service.http.disconnect import ClientGone
from service.http.error_shapes import render
from service.http.event_stream import EVENT_STREAM, to_event
from service.http.problems import respond_to, to_problem

log = structlog.get_logger()

_OVERLOADED = 429


class ErrorResponses:
    """Answers each exception of the application with a problem, and leaves one log line about it.

    It is a middleware and not an exception handler, because an exception handler cannot end a stream with an event,
    and Starlette calls the one for `Exception` outside of all middleware.
    """

    def __init__(self, app: ASGIApp, *, stopping: asyncio.Event) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response = _Response(send)
        error: Exception
        try:
            await self._app(scope, receive, response.send)
            return
        except (ClientGone, ClientDisconnect):
            return  # There is no client to answer.
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._stopping.is_set() or task is None:
                raise
            task.uncancel()
            error = Unavailable("The service is stopping and could not finish this request. Ask again.")
        except Exception as unexpected:  # noqa: BLE001 - each one is answered, counted and logged
            error = unexpected
        problem = to_problem(error, scope)
        # The middleware that counts requests reads this, because a stream has begun with status 200.
        scope.setdefault("state", {})["failed_with"] = problem["status"]
        if problem["status"] >= 500:
            fail(error)
        _log(error, problem["status"])
        if response.is_complete:
            return
        if not response.has_started:
            await respond_to(error, scope)(scope, receive, send)
        elif response.is_event_stream:
            body = to_event("error", json.dumps(render(problem, scope)[0])).encode()
            await send({"type": "http.response.body", "body": body, "more_body": False})
        # Any other response stays incomplete, so that the client notices.


class _Response:
    """What the application has sent so far."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_started = False
        self.is_event_stream = False
        self.is_complete = False

    async def send(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "http.response.start":
            self.has_started = True
            self.is_event_stream = (
                Headers(raw=message.get("headers", [])).get("content-type", "").startswith(EVENT_STREAM)
            )
        else:
            self.is_complete = not message.get("more_body", False)


def _log(error: Exception, status: int) -> None:
    fields: dict[str, Any] = {"status": status, "error": type(error).__name__}
    # Not the context: the response's task group adds itself there.
    fields["cause"] = type(error.__cause__ or error).__name__
    if not isinstance(error, GroundworkError):
        log.error("defect", **fields, exc_info=error)
        return
    if status >= 500 or status == _OVERLOADED:
        # The reason of any other error may quote the request.
        fields["reason"] = str(error)
        if error.upstream:
            fields["upstream"] = error.upstream
    log.warning("request_failed", **fields)
