"""Tracing of any generator: one span per call, from the prompt to the end of the stream."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from opentelemetry.trace import Span, SpanKind

from rag.tracing import semconv
from rag.tracing.attributes import instructions, message, server_at
from rag.tracing.spans import Attributes, inside, is_traced, start
from service.generation.base import Generator, Output, Prompt, Retraction, Sampling, Usage
from service.generation.openai import ModelEndpoint


class TracedGenerator:
    """A generator that records each call of the wrapped one as a span."""

    def __init__(self, generator: Generator, endpoint: ModelEndpoint, *, max_tokens: int, temperature: float) -> None:
        self._generator = generator
        self.model = generator.model
        self._attributes: Attributes = {
            semconv.OPERATION: semconv.CHAT,
            semconv.PROVIDER: endpoint.provider,
            semconv.REQUEST_MODEL: endpoint.model,
            semconv.REQUEST_STREAM: True,
            semconv.REQUEST_MAX_TOKENS: max_tokens,
            semconv.REQUEST_TEMPERATURE: temperature,
            **server_at(endpoint.url),
        }

    def generate(self, prompt: Prompt) -> AsyncGenerator[Output]:
        if not is_traced():
            return self._generator.generate(prompt)
        call = start(f"{semconv.CHAT} {self.model}", {**self._attributes, **_describe(prompt)}, kind=SpanKind.CLIENT)
        return inside(call, self._recorded(prompt, call))

    async def _recorded(self, prompt: Prompt, call: Span) -> AsyncGenerator[Output]:
        began = time.perf_counter()
        texts: list[str] = []
        try:
            async with aclosing(self._generator.generate(prompt)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Usage):
                        call.set_attribute(semconv.INPUT_TOKENS, piece.prompt_tokens)
                        call.set_attribute(semconv.OUTPUT_TOKENS, piece.completion_tokens)
                    elif isinstance(piece, Retraction):
                        texts.clear()
                    elif isinstance(piece, str):
                        if not texts:
                            call.set_attribute(semconv.TIME_TO_FIRST_CHUNK, time.perf_counter() - began)
                        texts.append(piece)
                    yield piece
        finally:
            call.set_attributes(message(semconv.OUTPUT_MESSAGES, "assistant", "".join(texts)))


def _describe(prompt: Prompt) -> Attributes:
    named = {semconv.PROMPT_NAME: prompt.name, semconv.PROMPT_VERSION: prompt.version} if prompt.name else {}
    return {
        semconv.OUTPUT_TYPE: "json" if prompt.schema else "text",
        **named,
        **_describe_sampling(prompt.sampling),
        **instructions(prompt.system),
        **message(semconv.INPUT_MESSAGES, "user", prompt.user),
    }


def _describe_sampling(sampling: Sampling) -> Attributes:
    """Return what differs from the settings."""
    asked = {
        semconv.REQUEST_MAX_TOKENS: sampling.max_tokens,
        semconv.REQUEST_TEMPERATURE: sampling.temperature,
        semconv.REQUEST_STOP: sampling.stop or None,
    }
    return {name: value for name, value in asked.items() if value is not None}
