"""The port of whoever turns passages into answer text."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.types import ScoredChunk, Vector
from service.generation.base import Usage
from service.reranking.budgeted import Extent
from service.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What an answer is written from: passages are numbered from 1 in the order given."""

    question: str
    vector: Vector
    hits: Sequence[ScoredChunk]
    reranking: Extent | None = None
    """How far the reranker came; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """Says that the text so far rests on passage `number`, on the words of `quote` where these are known."""

    number: int
    quote: str | None = None


class Writer(Protocol):
    """Writes an answer piece by piece, with markers such as [1] in the text."""

    @property
    def model(self) -> str:
        """Who writes, as answers and metrics report it."""
        ...

    def write(self, material: Material, watch: Stopwatch) -> AsyncGenerator[str | Cited | Usage]:
        """Ends the stage "prompt" before it writes; closing the generator ends the writing, upstream too."""
        ...
