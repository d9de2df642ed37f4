"""The port of whoever turns passages into answer text."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.stages import StageTimer
from rag.types import ScoredChunk, Vector
from service.generation.base import Prompt, Usage
from service.prompting.base import PromptTemplate, PromptVersion
from service.retrieval.reranking.budgeted import RerankExtent
from service.retrieval.selection import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingInput:
    """What an answer is written from: passages are numbered from 1 in the order given."""

    question: str
    vector: Vector
    hits: Sequence[ScoredChunk]
    candidates: Sequence[Candidate] = ()
    """What `hits` were chosen from, in the order of search and reranking."""
    reranking: RerankExtent | None = None
    """How far the reranker came; None where there is none."""
    prompt: PromptTemplate | None = None
    """The version of the answer's prompt that was chosen for this question; None: the writer's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedPassage:
    """Says that the text so far rests on passage `number`, on the words of `quote` where these are known."""

    number: int
    quote: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPrompt:
    """Says what the model is given to read."""

    version: PromptVersion
    prompt: Prompt
    passages: int
    """Characters of the user's message that are passages or quotes."""


Piece = str | CitedPassage | Usage | SentPrompt
"""Text as it grows, what it rests on, what it cost, and what asked for it."""


class Writer(Protocol):
    """Writes an answer piece by piece, with markers such as [1] in the text."""

    @property
    def model(self) -> str:
        """Who writes, as answers and metrics report it."""
        ...

    def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        """Ends the stage "prompt" before it writes, and names the prompt first where it asks a model.

        Closing the generator ends the writing, upstream too.
        """
        ...
