"""A question with its options, and the events of its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.types import EVERYTHING, ChunkFilter, Scope
from service.answering.drafts import Answer, Citation
from service.answering.follow_ups import Turn
from service.generation.base import CONFIGURED, Sampling
from service.prompting.base import PromptTemplate
from service.settings import Mode
from service.writing.base import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A question with the options of its answer."""

    scope: Scope
    question: str
    limit: int
    turns: Sequence[Turn] = ()
    """Earlier turns of the conversation, oldest first. The question is rewritten to stand alone without them."""
    conversation_id: str | None = None
    """Conversation that keeps the answer. None: nothing is kept."""
    where: ChunkFilter = EVERYTHING
    mode: Mode | None = None
    """How to write the answer. None: the configured mode."""
    prompt: PromptTemplate | None = None
    """Prompt for the mode generate. None: the configured version."""
    sampling: Sampling = CONFIGURED
    """Sampling that the client asks for, in the mode generate."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the answer, only in the mode generate. None: text."""
    is_streamed: bool = False
    """True if the reader sees the text while it is written. Otherwise the whole answer is the first text."""
    arrived: float | None = None
    """`time.perf_counter()` at the arrival of the request. The time to first token starts here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The first event: the passages, before the writer has begun."""

    citations: Sequence[Citation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The next part of the answer's text."""

    text: str


Event = Sources | Token | Step | Answer
"""An answer yields `Sources`, then at least one `Token`, then the `Answer`. The first token has visible text.

In the mode agentic, a `Step` may come before each of them."""
