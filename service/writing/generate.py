"""A writer that lets the model write and cite. It needs a capable model."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from rag.stages import StageTimer
from rag.types import ScoredChunk
from service.generation.base import Generator, Retraction
from service.metrics import CITATIONS_REMOVED
from service.prompting.base import PromptTemplate
from service.writing.base import CitedPassage, Piece, SentPrompt, WritingInput
from service.writing.citations import CitationNormaliser


class GenerateWriter:
    """Streams the model's text with its citations as [n], without those of passages that do not exist."""

    def __init__(self, generator: Generator, template: PromptTemplate) -> None:
        self._generator = generator
        self.model = generator.model
        self._template = template

    async def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        with timer.stage("prompt"):
            template = writing_input.prompt or self._template
            passages = _numbered(writing_input.hits)
            prompt = template.fill(passages=passages, question=writing_input.question)
            prompt = replace(prompt, sampling=writing_input.sampling)
        yield SentPrompt(version=template.version, prompt=prompt, passages=len(passages))
        citations = CitationNormaliser(len(writing_input.hits))
        async with aclosing(self._generator.generate(prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Retraction):
                    citations = CitationNormaliser(len(writing_input.hits))
                if not isinstance(piece, str):
                    yield piece
                elif text := citations.push(piece):
                    yield text
        if text := citations.end():
            yield text
        for number in sorted(citations.cited):
            yield CitedPassage(number=number)
        CITATIONS_REMOVED.inc(citations.removed)


def _numbered(hits: Sequence[ScoredChunk]) -> str:
    """Return the passages, numbered from 1."""
    return "\n\n".join(f"[{number}] {hit.chunk.passage}" for number, hit in enumerate(hits, start=1))
