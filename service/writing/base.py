"""The port of the writer."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from rag.stages import StageTimer
from rag.types import Vector
from service.generation.base import CONFIGURED, Finish, Prompt, Retraction, Sampling, Usage
from service.grounding.checking import CheckedSentence
from service.prompting.base import PromptTemplate, PromptVersion
from service.quoting.answers import Quote
from service.retrieval.selection import RetrievedPassages


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingInput(RetrievedPassages):
    """A question with its passages. The answer numbers them from 1, in the order of `hits`."""

    question: str
    """The question, as it was searched and is answered."""
    asked: str = ""
    """The question as the client asked it, which may be a follow-up."""
    vector: Vector
    corrected: str = ""
    """The question with corrected words, if it was searched that way."""
    prompt: PromptTemplate | None = None
    """Prompt for this question. None: the writer's default."""
    sampling: Sampling = CONFIGURED
    """Sampling that the client asks for, in the mode generate."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the answer, only in the mode generate. None: text."""
    quotes: Sequence[Quote] = ()
    """The quotes that the modes quote and checked write from, best first."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Reasons for and against the best quote. Empty if no quote was looked for."""
    confidence: float | None = None
    """Probability that the quotes answer. None if no quote was looked for."""
    is_unsure: bool = False
    """True if the quotes are shown although they may not answer."""

    @property
    def searched(self) -> str:
        """The question as it was searched: with corrected words if there are any."""
        return self.corrected or self.question


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedPassage:
    """A report that passage `number` supports the text so far, by the words of `quote` if they are known."""

    number: int
    quote: str | None = None


StepName = Literal["plan", "search", "grade", "reword", "write", "verify", "repair", "stop"]
"""What the mode agentic does.

plan     the model breaks the question into at most three searches
search   the tool that it may use
grade    the model names the passages that answer
reword   the model writes another search for what was not found
write    the model writes the answer
verify   each sentence is compared with the passages that it cites
repair   the model writes again, because no sentence was supported
stop     a bound was reached or the model failed, so the answer is written from what was found
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A report of the work on an answer. Its text has nothing of any document."""

    number: int
    """Position in the answer's steps, from 1. Start and end of a step have the same number."""
    name: StepName
    status: Literal["started", "done", "failed"]
    text: str


@dataclass(frozen=True, slots=True)
class Declined:
    """A report that the text says why there is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPrompt:
    """A report of the prompt that the model receives."""

    version: PromptVersion
    prompt: Prompt
    passages: int
    """Characters of the user message that are passages or quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groundedness:
    """A report of how far the passages support the sentences of the text."""

    supported: int
    """How many sentences are supported."""
    unsupported: Sequence[CheckedSentence] = ()
    """The other sentences that claim something. Their offsets refer to the text."""
    withheld: int = 0
    """How many sentences were left out, because they are not supported."""

    @property
    def is_empty(self) -> bool:
        """True if everything that the model claimed was withheld."""
        return bool(self.withheld) and not self.supported


Piece = str | Retraction | CitedPassage | Finish | Usage | SentPrompt | Groundedness | Step | Declined
"""A part of the text, or a report about it."""


class Writer(Protocol):
    """Writes an answer with markers such as [1]: `QuoteWriter`, `CheckedWriter`, `GenerateWriter` and what wraps it."""

    model: str
    """Model name for answers and metrics."""

    def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        """Yield the pieces, the `SentPrompt` of a model first. Closing the generator stops the model too."""
