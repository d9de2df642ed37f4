"""A writer that lets the model write and cite. It needs a capable model."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from rag.stages import StageTimer
from rag.types import ScoredChunk
from service.generation.base import Generator
from service.prompting.base import PromptTemplate
from service.writing.base import CitedPassage, Piece, SentPrompt, WritingInput

_MARKER = re.compile(r"\[(\d{1,2})\]")


class GenerateWriter:
    """Streams the model's text unchanged, and reads the citations from the markers of the finished text."""

    def __init__(self, generator: Generator, template: PromptTemplate) -> None:
        self._generator = generator
        self.model = generator.model
        self._template = template

    async def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        with timer.stage("prompt"):
            template = writing_input.prompt or self._template
            passages = _numbered(writing_input.hits)
            prompt = template.fill(passages=passages, question=writing_input.question)
        yield SentPrompt(version=template.version, prompt=prompt, passages=len(passages))
        text = ""
        async with aclosing(self._generator.generate(prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    text += piece
                yield piece
        for number in sorted({int(marker) for marker in _MARKER.findall(text)}):
            if 1 <= number <= len(writing_input.hits):
                yield CitedPassage(number=number)


def _numbered(hits: Sequence[ScoredChunk]) -> str:
    """Return the passages, numbered from 1."""
    return "\n\n".join(f"[{number}] {hit.chunk.passage}" for number, hit in enumerate(hits, start=1))
