"""Measures any generator: the model server's share of what the user waits."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from rag.tracing.spans import exemplar
from service.generation.base import Generator, Prompt, Usage
from service.metrics import GENERATOR_TIME_TO_FIRST_TOKEN, TIME_PER_OUTPUT_TOKEN


class MeasuredGenerator:
    """The wrapped generator, with its times observed; a stream that fails or is left is no measurement of pace."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    @property
    def model(self) -> str:
        return self._generator.model

    async def generate(self, prompt: Prompt) -> AsyncGenerator[str | Usage]:
        began = time.perf_counter()
        times: list[float] = []
        async with aclosing(self._generator.generate(prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    times.append(time.perf_counter())
                    if len(times) == 1:
                        GENERATOR_TIME_TO_FIRST_TOKEN.observe(times[0] - began, exemplar())
                yield piece
        if len(times) > 1:
            TIME_PER_OUTPUT_TOKEN.observe((times[-1] - times[0]) / (len(times) - 1))
