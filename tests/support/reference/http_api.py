"""The page of the HTTP API, read off the OpenAPI document and the types of problems."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from service.app import create_app
from service.http.error_shapes import MEDIA_TYPE
from service.http.problems import problem_types
from service.resources import Resources
from service.settings import Settings
from tests.support.reference.markdown import NOTICE, join_blocks, to_sentences, to_table

_INTRODUCTION = """\
The service serves this API, an interactive form of it at `/docs`, and the OpenAPI document at `/openapi.json`.
Request and response bodies are JSON, except the bytes of an uploaded document.
A request body with an unknown field is rejected with status 422, except in OpenAI's shapes.

Routes under `/v1` expect the header `Authorization: Bearer KEY` once the first key was created.
See [keys and tenants](../guides/keys-and-tenants.md)."""
_EVENTS = """\
With `"stream": true`, `POST /v1/answers` responds with `text/event-stream`.
The response starts with the first text, or after `RAG_ANSWERING__STREAM_AFTER_SECONDS` with passages or steps alone.
An error before the start is a normal error response.
While nothing else is sent, a comment line (`: still working`) keeps the connection open. Clients ignore comments.

| event | data | sent |
|---|---|---|
| `step` | a [StepOut](#stepout) | in the mode `agentic`: when a step starts and when it ends |
| `sources` | `{"sources": […]}`: a list of [CitationOut](#citationout) | once, before the text; `[n]` is one of them |
| `token` | `{"text": "…"}` | for each piece of the answer's text; the first one has visible text |
| `done` | an [AnswerResponse](#answerresponse) | once, last |
| `error` | a problem, as under [errors](#errors) | instead of `done`, if the answer fails after it started |"""
_ERRORS = """\
An error response has the media type `application/problem+json` (RFC 9457) with these fields:

| field | meaning |
|---|---|
| `type` | the kind of problem. It never changes, so a client can decide by it |
| `title`, `status` | the HTTP status as words and as a number |
| `detail` | what failed and what to do |
| `retryable` | true if the same request can succeed later |
| `request_id` | the id of the request, as in the header `X-Request-Id` and in each log line |
| `errors` | the rejected fields (422) or the rejected files of a form (400), each with `field` and `message` |

`/v1/chat/completions`, `/v1/responses` and `/v1/models` have errors in OpenAI's shape, with the same status and detail:
`{"error": {"message", "type", "param", "code", "request_id"}}`.
The `code` is OpenAI's word if it has one, otherwise the type of the problem with underscores.

Every route can also respond with 500 if the service has a defect or its parts do not fit together.
Statuses 429 and 503 have the header `Retry-After`: the seconds that the part asked for, or an estimate of the queue."""


def render_page() -> str:
    api = describe_api()
    schemas = api["components"]["schemas"]
    return join_blocks(
        [
            "# HTTP API",
            NOTICE,
            _INTRODUCTION,
            "## Routes",
            *_routes(api),
            "## Event stream",
            _EVENTS,
            "## Errors",
            _ERRORS,
            to_table(("type", "status", "retryable", "meaning"), _problems()),
            "## Schemas",
            *(block for name in sorted(schemas) for block in _schema(name, schemas[name])),
        ]
    )


def describe_api() -> dict[str, Any]:
    # The application's description needs the settings only; nothing is opened for it.
    parts = {"settings": Settings.model_construct(), "keys": None, "stopping": None}
    # Without prompts, the page does not list the versions of one installation.
    prompts = SimpleNamespace(identities=())
    return create_app(cast(Resources, SimpleNamespace(**parts, prompts=prompts))).openapi()


def _routes(api: dict[str, Any]) -> Iterator[str]:
    operations = [(path, method, route) for path, item in api["paths"].items() for method, route in item.items()]
    yield to_table(
        ("route", "summary"),
        [
            (
                f"[`{method.upper()} {path}`](#{_anchor(method, path)})",
                to_sentences(route["description"]).split("\n")[0],
            )
            for path, method, route in operations
        ],
    )
    for path, method, route in operations:
        yield f"### {method.upper()} {path}"
        yield to_sentences(route["description"])
        yield "\n".join(_responses_of(route))
        yield to_table(("parameter", "in", "type", "description"), map(_parameter, route.get("parameters", [])))
        yield to_table(("media type of the request body", "schema"), _bodies_of(route))
        yield to_table(("error", "type"), _errors_of(route))


def _bodies_of(route: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for media_type, content in route.get("requestBody", {}).get("content", {}).items():
        yield f"`{media_type}`", _type_of(content.get("schema", {})) or "any"


def _responses_of(route: dict[str, Any]) -> Iterator[str]:
    for status, response in route["responses"].items():
        for content in response.get("content", {}).values():
            if status.startswith("2") and (body := _type_of(content.get("schema", {}))):
                yield f"Response {status}: {body}."
    if route.get("security"):
        yield "Authorization: a bearer token, once the first key was created."


def _errors_of(route: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for status, response in route["responses"].items():
        if status < "400" or status == "500":
            continue
        for media_type, content in response.get("content", {}).items():
            if "allOf" in content["schema"]:
                properties = content["schema"]["allOf"][1]["properties"]
                kinds = properties["type"] if media_type == MEDIA_TYPE else properties["error"]["properties"]["code"]
                yield status, ", ".join(f"`{name.rpartition(':')[2]}`" for name in kinds["enum"])


def _parameter(parameter: dict[str, Any]) -> tuple[str, str, str, str]:
    schema = parameter["schema"]
    return f"`{parameter['name']}`", parameter["in"], _type_of(schema), parameter.get("description", "")


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    yield to_sentences(schema.get("description", ""))
    required = schema.get("required", [])
    rows = [
        (f"`{field}`", _type_of(part), _default_of(part, field in required), part.get("description", ""))
        for field, part in schema.get("properties", {}).items()
    ]
    yield to_table(("field", "type", "default", "description"), rows)


def _type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type_of(part) for part in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type_of(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type_of(schema['additionalProperties'])}"
    return " ".join(part for part in (schema.get("format") or schema.get("type", ""), _bounds_of(schema)) if part)


def _bounds_of(schema: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "maximum": "≤", "minLength": "of length ≥", "maxLength": "of length ≤"}
    return ", ".join(f"{sign} {schema[name]:g}" for name, sign in signs.items() if name in schema)


def _default_of(schema: dict[str, Any], is_required: bool) -> str:
    if is_required:
        return "required"
    default = schema.get("default")
    return (
        f"`{str(default).lower() if isinstance(default, bool) else default}`"
        if isinstance(default, bool | str) and default != ""
        else ""
    )


def _problems() -> Iterator[tuple[str, str, str, str]]:
    for problem in sorted(problem_types(), key=lambda problem: problem.status):
        yield f"`{problem.type}`", str(problem.status), "yes" if problem.retryable else "no", problem.meaning


def _anchor(method: str, path: str) -> str:
    return "".join(letter for letter in f"{method}-{path}".lower() if letter.isalnum() or letter in "-_")
