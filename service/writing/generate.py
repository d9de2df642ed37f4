"""The model writes and cites: for models that can be trusted to do both."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from service.generation.base import Generator, Usage
from service.prompting import build_prompt
from service.stopwatch import Stopwatch
from service.writing.base import Cited, Material

_MARKER = re.compile(r"\[(\d{1,2})\]")


class GenerateWriter:
    """Passes the model's pieces on as they come, and reads the citations off the finished text."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    @property
    def model(self) -> str:
        return self._generator.model

    async def write(self, material: Material, watch: Stopwatch) -> AsyncGenerator[str | Cited | Usage]:
        prompt = build_prompt(material.question, material.hits)
        watch.lap("prompt")
        text = ""
        async with aclosing(self._generator.generate(prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    text += piece
                yield piece
        for number in sorted({int(found) for found in _MARKER.findall(text)}):
            if 1 <= number <= len(material.hits):
                yield Cited(number=number)
