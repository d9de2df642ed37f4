"""Requests in the dialect of a model server: fields that it rejects are left out or replaced (ADR 40)."""

import re
from collections.abc import Mapping, Set
from typing import Any, Literal

from service.generation.base import Prompt, Sampling

Quirk = Literal[
    "max_completion_tokens",
    "no_temperature",
    "no_stream_options",
    "no_schema",
    "no_system_role",
    "no_stream",
    "unopened_reasoning",
    "opened_reasoning",
]
"""A difference to OpenAI's first protocol.

max_completion_tokens   the limit of tokens has its newer name
no_temperature          the temperature is fixed
no_stream_options       the field is unknown
no_schema               structured output is unknown
no_system_role          the instructions belong into the user's message
no_stream               the answer comes in one piece
unopened_reasoning      the text begins inside the reasoning
opened_reasoning        the text does not, although the model's name lets expect it
"""

_REJECTION = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|invalid|extra|must|only|instead|verified|exception"
    r"|deprecated|cannot"
    r"|not (?:permitted|allowed|available|enabled|implemented)",
    re.IGNORECASE,
)
# Such a text names a field, but rejects its value for this question.
_TOO_LONG = re.compile(r"context (?:length|window|size)|too (?:large|long|many)|exceed", re.IGNORECASE)
# The first match counts, so names come before words.
_SIGNS: Mapping[Quirk, re.Pattern[str]] = {
    "no_stream_options": re.compile(r"stream_options|include_usage"),
    "max_completion_tokens": re.compile(r"max_tokens"),
    "no_temperature": re.compile(r"temperature", re.IGNORECASE),
    "no_schema": re.compile(r"response_format|json_schema|structured output|guided", re.IGNORECASE),
    "no_system_role": re.compile(
        r"system.{0,40}(?:role|message|instruction|prompt)|role.{0,40}system|roles must alternate"
        r"|developer instruction",
        re.IGNORECASE,
    ),
    "no_stream": re.compile(r"\bstream(?:ing)?\b", re.IGNORECASE),
}


def build_request(
    prompt: Prompt,
    options: Mapping[str, Any],
    quirks: Set[Quirk],
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the body of a chat completion. `options` has the model, and the configured limit and temperature.

    `extra` is merged last. Its nulls remove fields.
    """
    request: dict[str, Any] = {
        **options,
        **_to_fields(prompt.sampling, limit=options["max_tokens"]),
        "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if prompt.schema is not None:
        schema = {"name": "answer", "strict": True, "schema": prompt.schema}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    for quirk in quirks:
        _apply(quirk, request)
    return {name: value for name, value in {**request, **extra}.items() if value is not None}


def find_quirk(rejection: str, known: Set[Quirk]) -> Quirk | None:
    """Return the quirk that a server's error text shows, or None if the text shows no new one."""
    if not _REJECTION.search(rejection) or _TOO_LONG.search(rejection):
        return None
    return next((quirk for quirk, sign in _SIGNS.items() if quirk not in known and sign.search(rejection)), None)


def _to_fields(sampling: Sampling, *, limit: int) -> dict[str, Any]:
    fields = {
        "max_tokens": sampling.max_tokens and min(sampling.max_tokens, limit),
        "temperature": sampling.temperature,
        "stop": list(sampling.stop) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _apply(quirk: Quirk, request: dict[str, Any]) -> None:
    match quirk:
        case "max_completion_tokens":
            request["max_completion_tokens"] = request.pop("max_tokens")
        case "no_temperature":
            del request["temperature"]
        case "no_stream_options":
            request.pop("stream_options", None)
        case "no_schema":
            request.pop("response_format", None)
        case "no_system_role":
            system, user = request["messages"]
            content = "\n\n".join(part for part in (system["content"], user["content"]) if part)
            request["messages"] = [{"role": "user", "content": content}]
        case "no_stream":
            request["stream"] = False
            request.pop("stream_options", None)  # It is valid in a stream only.
        case "unopened_reasoning" | "opened_reasoning":
            pass  # It is about the response.
