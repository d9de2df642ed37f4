"""A generator on any server with OpenAI's `/v1/chat/completions`."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from rag.errors import BadResponse
from rag.gate import Gate
from rag.http import require_success, translated_errors
from rag.tracing import semconv
from rag.tracing.spans import Attributes, annotate
from service.generation.base import Prompt, Usage

_PART = "model server"
_ADVICE = "Check that its URL ends in /v1, and look into its log."
_DONE = "[DONE]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEndpoint:
    """A model at an OpenAI-compatible server."""

    url: str
    model: str
    concurrency: int
    provider: str = "openai"
    """Provider name in traces. The semantic conventions use openai for every server with that API."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class OpenAIGenerator:
    """Streams one completion per call. The gate bounds the parallel calls."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoint: ModelEndpoint,
        *,
        gate: Gate,
        max_tokens: int,
        temperature: float,
    ) -> None:
        self._session = session
        self._url = f"{endpoint.url.rstrip('/')}/chat/completions"
        self.model = endpoint.model
        self._headers = endpoint.headers
        self._gate = gate
        self._options = {"max_tokens": max_tokens, "temperature": temperature}

    async def generate(self, prompt: Prompt) -> AsyncGenerator[str | Usage]:
        request: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._options,
        }
        if prompt.schema is not None:
            schema = {"name": "answer", "strict": True, "schema": prompt.schema}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        async with self._gate.enter():
            with translated_errors(_PART):
                # Leaving this block closes the connection. That tells the server to stop generating.
                async with self._session.post(self._url, json=request, headers=self._headers) as response:
                    await require_success(_PART, response)
                    async with aclosing(_read_events(response.content)) as events:
                        async for event in events:
                            for piece in _to_pieces(event):
                                yield piece


async def _read_events(stream: aiohttp.StreamReader) -> AsyncGenerator[dict[str, Any]]:
    """Yield the JSON of each `data:` line. Raises `BadResponse` without `[DONE]`: the answer is incomplete then."""
    try:
        async for line in stream:
            field, _, value = line.decode().strip().partition(":")
            if field != "data":
                continue
            if value.strip() == _DONE:
                return
            yield json.loads(value)
    except ValueError as error:  # Not JSON, not UTF-8, or an endless line.
        raise BadResponse(f"The {_PART} streamed a line that is not JSON. {_ADVICE}") from error
    raise BadResponse(f"The {_PART} ended its stream without [DONE]. {_ADVICE}")


def _to_pieces(event: dict[str, Any]) -> list[str | Usage]:
    pieces: list[str | Usage] = []
    try:
        if "error" in event:
            raise BadResponse(f"The {_PART} failed mid-stream: {event['error'].get('message', 'no reason given')}")
        for choice in event["choices"]:
            if text := choice["delta"].get("content"):
                pieces.append(text)
            if reason := choice.get("finish_reason"):
                annotate(_response_attributes(event, reason))
        if usage := event.get("usage"):
            pieces.append(Usage(prompt_tokens=usage["prompt_tokens"], completion_tokens=usage["completion_tokens"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadResponse(f"The {_PART} streamed JSON that is not a chat completion. {_ADVICE}") from error
    return pieces


def _response_attributes(event: dict[str, Any], finish_reason: str) -> Attributes:
    known = {semconv.RESPONSE_ID: event.get("id"), semconv.RESPONSE_MODEL: event.get("model")}
    return {semconv.FINISH_REASONS: [finish_reason], **{name: value for name, value in known.items() if value}}
