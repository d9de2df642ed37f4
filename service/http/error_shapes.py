"""The shape of an error: problem details, or OpenAI's error on the routes that speak OpenAI's protocol."""

from typing import Any

from starlette.types import Scope

MEDIA_TYPE = "application/problem+json"
_JSON = "application/json"
_OPENAI_PATHS = ("/v1/chat/", "/v1/models", "/v1/responses")

# Clients of OpenAI know these codes. All others are those of the problem types.
_CODES = {
    "unauthorized": "invalid_api_key",
    "overloaded": "rate_limit_exceeded",
    "not_found": "model_not_found",
    "internal": "server_error",
}
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


def speaks_openai(path: str) -> bool:
    """Return whether the route of this path has OpenAI's shapes. It may not exist."""
    return path.startswith(_OPENAI_PATHS)


def render(problem: dict[str, Any], scope: Scope) -> tuple[dict[str, Any], str]:
    """Return the body of an error and its media type. The body is also the data of the event `error` in a stream."""
    if not speaks_openai(scope["path"]):
        return problem, MEDIA_TYPE
    status: int = problem["status"]
    fields = problem.get("errors") or [{"field": None}]
    error = {
        "message": problem["detail"],
        "type": _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error"),
        "param": fields[0]["field"],
        "code": to_openai_code(problem["type"]),
        "request_id": problem["request_id"],
    }
    return {"error": error}, _JSON


def to_openai_code(problem_type: str) -> str:
    """Return OpenAI's code for the type of a problem."""
    code = problem_type.rpartition(":")[2].replace("-", "_")
    return _CODES.get(code, code)
