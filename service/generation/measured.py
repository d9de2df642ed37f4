"""Metrics of any generator: the model server's share of the user's waiting time."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from rag.errors import Overloaded
from rag.tracing.spans import exemplar
from service.generation.base import Generator, Output, Prompt, Usage
from service.metrics import (
    GENERATIONS_THAT,
    GENERATOR_TIME_TO_FIRST_TOKEN,
    INTER_TOKEN_LATENCY,
    TIME_PER_OUTPUT_TOKEN,
    TOKEN_KINDS,
    TOKENS,
)


class MeasuredGenerator:
    """A generator that measures the wrapped one. Failed and abandoned streams do not count in time per token."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.model = generator.model
        for kind in TOKEN_KINDS:
            TOKENS.labels(kind, self.model)

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Output]:
        outcome, began = "left", time.perf_counter()
        count, first, last = 0, began, began
        try:
            async with aclosing(self._generator.generate(prompt)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, str):
                        now = time.perf_counter()
                        if count == 0:
                            first = now
                            GENERATOR_TIME_TO_FIRST_TOKEN.observe(first - began, exemplar())
                        else:
                            INTER_TOKEN_LATENCY.observe(now - last)
                        count, last = count + 1, now
                    elif isinstance(piece, Usage):
                        TOKENS.labels("prompt", self.model).inc(piece.prompt_tokens)
                        TOKENS.labels("completion", self.model).inc(piece.completion_tokens)
                    yield piece
            if count > 1:
                TIME_PER_OUTPUT_TOKEN.observe((last - first) / (count - 1))
            outcome = "ok"
        except Exception as error:
            outcome = "overloaded" if isinstance(error, Overloaded) else "failed"
            raise
        finally:
            GENERATIONS_THAT[outcome].inc()
