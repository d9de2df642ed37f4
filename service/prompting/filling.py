"""Passages or quotes, and a question, to what the model reads."""

from collections.abc import Sequence

from rag.types import ScoredChunk
from service.generation.base import Prompt
from service.prompting.base import PromptTemplate


def fill_answer(template: PromptTemplate, question: str, hits: Sequence[ScoredChunk]) -> Prompt:
    """The passages, numbered from 1 in the order given, and the question."""
    passages = "\n\n".join(f"[{number}] {hit.chunk.passage}" for number, hit in enumerate(hits, start=1))
    return template.fill(passages=passages, question=question)


def fill_rewrite(template: PromptTemplate, question: str, quotes: Sequence[str]) -> Prompt:
    return template.fill(text=" ".join(quotes), question=question)
