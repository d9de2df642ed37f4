"""A writer that lets the model write and cite. It needs a capable model."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from rag.stages import StageTimer
from rag.types import ScoredChunk
from service.generation.base import Finish, Generator, Prompt, Retraction
from service.metrics import CITATIONS_REMOVED, declare_prompt
from service.prompting.base import PromptTemplate
from service.writing.base import CitedPassage, Piece, SentPrompt, WritingInput
from service.writing.citations import CitationNormaliser
from service.writing.structure import cited_numbers, instruct


class GenerateWriter:
    """Streams the model's text with its citations as [n], without those of passages that do not exist."""

    def __init__(self, generator: Generator, template: PromptTemplate) -> None:
        self._generator = generator
        self.model = generator.model
        self._template = template
        declare_prompt(template.version.name, template.version.version)

    async def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        with timer.stage("prompt"):
            template = writing_input.prompt or self._template
            passages = number_passages(writing_input.hits)
            prompt = template.fill(passages=passages, question=writing_input.question)
            prompt = replace(prompt, sampling=writing_input.sampling)
            if schema := writing_input.schema:
                prompt = replace(prompt, user=instruct(prompt.user, schema), schema=schema)
        yield SentPrompt(version=template.version, prompt=prompt, passages=len(passages))
        written = self._write_json(prompt, schema, writing_input) if schema else self._write_text(prompt, writing_input)
        async with aclosing(written) as pieces:
            async for piece in pieces:
                yield piece

    async def _write_text(self, prompt: Prompt, writing_input: WritingInput) -> AsyncGenerator[Piece]:
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

    async def _write_json(
        self, prompt: Prompt, schema: Mapping[str, Any], writing_input: WritingInput
    ) -> AsyncGenerator[Piece]:
        """Pass the text through unchanged: a list of numbers in JSON is not a citation."""
        text, finish = "", None
        async with aclosing(self._generator.generate(prompt)) as pieces:
            async for piece in pieces:
                match piece:
                    case str():
                        text += piece
                    case Retraction():
                        text = ""
                    case Finish():
                        finish = piece
                yield piece
        for number in sorted(cited_numbers(text, schema, finish, passages=len(writing_input.hits))):
            yield CitedPassage(number=number)


def number_passages(hits: Sequence[ScoredChunk], characters: int | None = None) -> str:
    """Return the passages, numbered from 1, each with its first `characters`."""
    return "\n\n".join(f"[{number}] {hit.chunk.passage[:characters]}" for number, hit in enumerate(hits, start=1))
