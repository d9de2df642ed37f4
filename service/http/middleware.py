"""Telemetry and body limits in pure ASGI: Starlette's BaseHTTPMiddleware costs 200 µs and breaks streaming."""

import asyncio
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import nullcontext

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.tracing.spans import conclude, exemplar
from service.http.error_shapes import speaks_openai
from service.metrics import INFLIGHT, OUTCOMES, REQUEST_DURATION, REQUESTS

log = structlog.get_logger()

_SAFE_REQUEST_ID = re.compile(r"[\w.-]{1,64}\Z")
_SECURITY_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
_DOCUMENTS = "/v1/documents"
_QUESTION_BYTES = 100_000
_CONVERSATION_BYTES = 1_000_000
"""Clients of OpenAI's API send all earlier messages with each question."""
DOCUMENTS_PER_FORM = 4
"""A form with files may have the bytes of this many documents of the largest size."""
# As long as nginx waits for the next part of a body.
_BODY_SECONDS = 60.0
_UNMATCHED = "unmatched"
_OVERLOADED = 429
# The status that nginx logs if a client closes the connection before the response.
_CLIENT_LEFT = 499
# Probes and scrapes are excluded, or monitoring would count itself as load.
_MONITORING_PATHS = frozenset({"/livez", "/readyz", "/metrics"})


def declare_routes(paths: Iterable[str]) -> None:
    """Create the counters of these routes at 0. PromQL would miss the first request if a counter began at 1."""
    for path in [*paths, _UNMATCHED]:
        REQUEST_DURATION.labels(path)
        for outcome in OUTCOMES:
            REQUESTS.labels(path, outcome)


class RequestTelemetry:
    """Assigns each request an id and an arrival time, then counts, times and logs it without its content.

    A client that leaves after `patience_seconds` without any text has given up: the service was too slow.
    """

    def __init__(self, app: ASGIApp, *, patience_seconds: float) -> None:
        self._app = app
        self._patience_seconds = patience_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {}).update(arrived=arrived, request_id=request_id)
        exchange = _Exchange(scope, receive, send, {"X-Request-Id": request_id, **_SECURITY_HEADERS})
        exchange.give_up_at = arrived + self._patience_seconds
        in_flight = nullcontext() if scope["path"] in _MONITORING_PATHS else INFLIGHT.track_inprogress()
        with structlog.contextvars.bound_contextvars(request_id=request_id), in_flight:
            try:
                await self._app(scope, exchange.receive, exchange.send)
            finally:
                _record(exchange, time.perf_counter() - arrived)


class _Exchange:
    """One request and the progress of its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str]) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._headers = headers
        self.status: int | None = None
        """None until the response has started."""
        self.is_complete = False
        self.has_client_left = False
        self.give_up_at = 0.0

    @property
    def outcome(self) -> str:
        """The outcome under which the request is counted."""
        state = self.scope["state"]
        if self.has_client_left:
            has_given_up = state.get("awaits_text", False) and time.perf_counter() >= self.give_up_at
            return "abandoned" if has_given_up else "cancelled"
        if not self.is_complete:
            return "error"
        # A stream that failed began with status 200.
        status = state.get("failed_with", self.status)
        if status == _OVERLOADED:
            return "overloaded"
        if status >= 500:
            return "error"
        return "invalid" if status >= 400 else "ok"

    async def receive(self) -> Message:
        message = await self._receive()
        # Servers also report a disconnection to a listener that waits when the response is complete.
        if message["type"] == "http.disconnect" and not self.is_complete:
            self.has_client_left = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message).update(self._headers)
        elif message["type"] == "http.response.body":
            self.is_complete = not message.get("more_body", False)
            if self.is_complete:
                # Before the last message is sent, because the span of the request ends with it.
                conclude(self.outcome)
        await self._send(message)


class BodyLimit:
    """Rejects a body that is too large, by its declared length or as soon as too many bytes have arrived.

    A body whose next part does not arrive in time is rejected too, or stuck clients would keep their requests for ever.
    """

    def __init__(self, app: ASGIApp, *, document_bytes: int, pause_seconds: float = _BODY_SECONDS) -> None:
        self._app = app
        self._document_bytes = document_bytes
        self._pause_seconds = pause_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope)
        declared = Headers(scope=scope).get("content-length", "")
        received, is_whole = 0, False

        async def receive_within_limit() -> Message:
            nonlocal received, is_whole
            try:
                # After the body, the application waits here for the end of the connection, without a limit.
                async with asyncio.timeout(None if is_whole else self._pause_seconds):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(408, "The rest of the request body did not arrive in time.") from error
            is_whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > limit or (declared.isdecimal() and int(declared) > limit):
                # Raised where the application reads the body, so that its error handlers can answer.
                raise HTTPException(413, f"The request body is larger than {limit:,} bytes.")
            return message

        await self._app(scope, receive_within_limit, send)

    def _limit(self, scope: Scope) -> int:
        if not scope["path"].startswith(_DOCUMENTS):
            return _CONVERSATION_BYTES if speaks_openai(scope["path"]) else _QUESTION_BYTES
        # Several documents, and the headers of their parts.
        several = self._document_bytes * DOCUMENTS_PER_FORM + _QUESTION_BYTES
        return several if scope["method"] == "POST" else self._document_bytes


def _record(exchange: _Exchange, seconds: float) -> None:
    scope, outcome = exchange.scope, exchange.outcome
    conclude(outcome)
    # The route's template, not the path: otherwise each document id would create its own time series.
    route = getattr(scope.get("route"), "path_format", _UNMATCHED)
    status = _CLIENT_LEFT if exchange.status is None and exchange.has_client_left else exchange.status
    REQUESTS.labels(route, outcome).inc()
    REQUEST_DURATION.labels(route).observe(seconds, exemplar())
    if scope["path"] not in _MONITORING_PATHS:
        ms = round(seconds * 1000, 1)
        log.info("request", method=scope["method"], route=route, status=status, outcome=outcome, ms=ms)


def _request_id(scope: Scope) -> str:
    """Return the caller's request id if it is safe to log, otherwise a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _SAFE_REQUEST_ID.match(given) else uuid.uuid4().hex
