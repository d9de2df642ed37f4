"""Errors of the servers that this installation calls, as they report them by status, in a body or in a stream."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from rag.errors import AccessRefused, BadResponse, GroundworkError, Overloaded, RequestRejected, TimedOut, Unavailable

EXCERPT_LENGTH = 2_000
"""Long enough for the message and the field names of an error, short enough for a log line."""
_MAX_RETRY_AFTER = 86_400.0
# Google and OpenAI put the time into the text: "retryDelay": "34s", "Please try again in 1m2.5s", "retry in 34.07s".
_RETRY_IN_TEXT = re.compile(
    r"(?:retryDelay\W{1,5}|(?:try again|retry) (?:in|after) )(?:(?P<minutes>\d{1,4}) ?m(?!s)(?:in)? ?)?"
    r"(?:(?P<seconds>\d{1,6}(?:\.\d+)?) ?(?P<unit>m?s))?",
    re.IGNORECASE,
)

# What servers call their errors instead of a status: OpenAI, Anthropic, TGI, vLLM, Google.
_TYPES_OF_STATUS = {
    400: "invalid_request_error badrequesterror",
    401: "authentication_error invalid_api_key",
    403: "permission_error",
    404: "not_found_error model_not_found notfounderror",
    422: "validation",
    429: (
        "rate_limit_exceeded rate_limit_error ratelimiterror too_many_requests resource_exhausted insufficient_quota "
        "overloaded overloaded_error server_overloaded"
    ),
    503: (
        "service_unavailable serviceunavailableerror unavailable unavailable_error timeout timeout_error server_error "
        "internal internal_error internal_server_error internalservererror"
    ),
}
_STATUS_OF_TYPE = {name: status for status, names in _TYPES_OF_STATUS.items() for name in names.split()}
_REFUSALS = {401: "refused the API key", 402: "requires a payment", 403: "refused the API key"}
# Parts of a body that has a result.
_RESULTS = frozenset({"choices", "data", "results", "embeddings", "usage"})


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server that this installation calls, in the words of error messages."""

    name: str
    settings: str = ""
    """Settings that an operator checks if the server refuses access, such as "RAG_JUDGE__URL"."""


def error_in(upstream: Upstream, body: Any) -> GroundworkError | None:
    """Return the error that a response with status 200 reports in its JSON, or None.

    Known forms are `{"error": …}` with a text or an object, `{"object": "error"}` of vLLM, `{"detail": …}`, and a
    message without any result.
    """
    if isinstance(body, list) and len(body) == 1:
        [body] = body
    if not isinstance(body, dict):
        return None
    reported = body.get("error")
    if not reported and _is_error(body):
        reported = body
    if not reported:
        return None
    said = json.dumps(reported)[:EXCERPT_LENGTH]
    return to_error(upstream, _status_in(reported) or _status_in(body), said, _retry_after_in(said))


def to_error(upstream: Upstream, status: int | None, said: str, retry_after: float | None = None) -> GroundworkError:
    """Return the error of a status. `said` is the server's text, which goes to the log only."""
    name = upstream.name
    match status:
        case 401 | 402 | 403 | 404 | 405 | 410:
            check = f" An operator must check {upstream.settings}." if upstream.settings else ""
            refused = _REFUSALS.get(status, "does not have the configured address or model")
            return AccessRefused(f"The {name} {refused} (status {status}).{check}", upstream=said)
        case 429 | 498 | 529:  # Groq and Anthropic have numbers of their own for it.
            return Overloaded(f"The {name} is overloaded. Try again later.", upstream=said, retry_after=retry_after)
        case 408:
            return TimedOut(f"The {name} did not answer in time. Try again later.", upstream=said)
        # 409, 423 and 425: the server is not ready. 424 of TGI and 499 of gateways: it could not finish the request.
        case int() if status >= 500 or status in (409, 423, 424, 425, 499):
            message = f"The {name} failed (status {status}). Try again later."
            return Unavailable(message, upstream=said, retry_after=retry_after)
        case int():
            message = f"The {name} rejected the request (status {status}). The service's log has its reason."
            return RequestRejected(message, upstream=said)
        case None:
            message = f"The {name} reported an error instead of a result. The service's log has its reason."
            return BadResponse(message, upstream=said)


def read_retry_after(headers: Mapping[str, str], said: str) -> float | None:
    """Return the seconds after which a server wants the next request: by a header, or by the words of its error."""
    milliseconds = to_seconds(headers.get("retry-after-ms", ""))
    if milliseconds is not None:  # Of Azure and OpenAI, and more exact than the usual header.
        return milliseconds / 1000
    seconds = to_seconds(headers.get("Retry-After", ""))
    return _retry_after_in(said) if seconds is None else seconds


def to_seconds(value: str) -> float | None:
    """Return the seconds of a `Retry-After` header, which has a number or a date."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER) if math.isfinite(seconds) else None


def _retry_after_in(said: str) -> float | None:
    hint = _RETRY_IN_TEXT.search(said)
    if hint is None or not (hint["minutes"] or hint["seconds"]):
        return None
    seconds = float(hint["seconds"] or 0) / (1000 if (hint["unit"] or "").lower() == "ms" else 1)
    return min(60.0 * float(hint["minutes"] or 0) + seconds, _MAX_RETRY_AFTER)


def _is_error(body: Mapping[str, Any]) -> bool:
    """Return True if a body reports an error at its top level."""
    if body.get("object") == "error" or (body.get("detail") and not body.get("choices")):
        return True
    return bool(body.get("message")) and isinstance(body["message"], str) and not _RESULTS & body.keys()


def _status_in(reported: Any) -> int | None:
    """Return the HTTP status that an error object names by number or by type, or None."""
    if isinstance(reported, str) and reported.startswith("Unexpected endpoint"):
        return 404  # LM Studio sends it with status 200.
    if not isinstance(reported, dict):
        return None
    named = [reported.get(field) for field in ("code", "status", "status_code", "http_status", "type", "error_type")]
    for value in named:
        if isinstance(value, int | str) and str(value).isdecimal() and 400 <= int(str(value)[:4]) < 600:
            return int(value)
    return next((_STATUS_OF_TYPE[word] for word in map(_to_word, named) if word in _STATUS_OF_TYPE), None)


def _to_word(value: Any) -> str:
    return value.lower().replace("-", "_").replace(" ", "_") if isinstance(value, str) else ""
