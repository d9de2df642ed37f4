"""The answer, and the draft that collects it while the writer works."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rag.stages import StageTimer
from rag.types import ScoredChunk
from service.generation.base import Finish, FinishReason, Retraction, Usage
from service.metrics import ANSWERS_BY, CITED_ANSWERS_BY, PROMPT_ANSWERS, UNSURE_ANSWERS
from service.prompting.base import PromptVersion
from service.retrieval.reranking.budgeted import RerankExtent
from service.settings import Mode
from service.writing.base import CitedPassage, Declined, Groundedness, Piece, SentPrompt, Step, WritingInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A passage with the number that the answer's markers refer to."""

    number: int
    hit: ScoredChunk
    quote: str | None = None
    """Part of the passage that supports the answer. None if it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """The conversation that an answer belongs to."""

    conversation_id: str
    is_kept: bool
    """False if the shared state could not be reached: the conversation then lacks this turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A finished answer."""

    id: str
    text: str
    timings: dict[str, float]
    mode: Mode
    model: str = ""
    declined: bool = False
    """True if the text says that there is no answer."""
    unsure: bool = False
    """True if the text begins with a paragraph which says that it may not answer."""
    citations: Sequence[Citation] = ()
    nearest: Sequence[Citation] = ()
    """If `declined`: the passages that came nearest."""
    groundedness: Groundedness | None = None
    """How far the passages support the text. None if it was not checked."""
    usage: Usage | None = None
    finish_reason: FinishReason | None = None
    """Why the model stopped writing. None if no model wrote the text, or its server gave no reason."""
    writing_input: WritingInput
    """The passages. If `declined`: passages that were not relevant enough."""
    sent_prompt: SentPrompt | None = None
    """The prompt that the model received. None if no model was called."""
    steps: Sequence[Step] = ()
    """The finished steps of the mode agentic."""
    membership: Membership | None = None
    """None if the question did not name a conversation."""

    @property
    def question(self) -> str:
        """The question that was searched and answered. It differs from the asked one if a follow-up was rewritten."""
        return self.writing_input.question

    @property
    def prompt(self) -> PromptVersion | None:
        """The version of the prompt. None if no model was called."""
        return self.sent_prompt.version if self.sent_prompt else None

    @property
    def reranking(self) -> RerankExtent | None:
        """How many candidates the reranker scored in time. None without a reranker."""
        return self.writing_input.reranking


def cite_all(hits: Sequence[ScoredChunk]) -> list[Citation]:
    """Number the passages from 1."""
    return [Citation(number=number, hit=hit) for number, hit in enumerate(hits, start=1)]


class Draft:
    """An answer in progress."""

    def __init__(self, writing_input: WritingInput) -> None:
        self.sources = cite_all(writing_input.hits)
        self._writing_input = writing_input
        self._text: list[str] = []
        self._quotes: dict[int, str | None] = {}
        self._usage: Usage | None = None
        self._finish_reason: FinishReason | None = None
        self._sent_prompt: SentPrompt | None = None
        self._groundedness: Groundedness | None = None
        self._is_declined = False

    def add(self, piece: Piece) -> None:
        match piece:
            case str():
                self._text.append(piece)
            case CitedPassage():
                self._quotes.setdefault(piece.number, piece.quote)
            case Retraction():
                self._text.clear()
            case Finish():
                self._finish_reason = piece.reason
            case Usage():
                self._usage = self._usage + piece if self._usage else piece
            case SentPrompt():
                self._sent_prompt = piece
            case Groundedness():
                self._groundedness = piece
            case Declined():
                self._is_declined = True

    @contextmanager
    def counting_failure(self) -> Iterator[None]:
        """Count a failed answer for the version of its prompt."""
        try:
            yield
        except Exception:
            self._count("failed")
            raise

    def to_answer(self, model: str, mode: Mode, timer: StageTimer) -> Answer:
        is_declined = self._is_declined or bool(self._groundedness and self._groundedness.is_empty)
        ANSWERS_BY["declined" if is_declined else mode].inc()
        citations = [replace(it, quote=self._quotes[it.number]) for it in self.sources if it.number in self._quotes]
        if citations:
            CITED_ANSWERS_BY[mode].inc()
        if self._writing_input.is_unsure:
            UNSURE_ANSWERS.inc()
        self._count("cited" if citations else "uncited")
        return Answer(
            id=uuid.uuid4().hex,
            text="".join(self._text).strip(),
            declined=is_declined,
            unsure=self._writing_input.is_unsure,
            citations=citations,
            nearest=self.sources if is_declined else (),
            groundedness=self._groundedness,
            usage=self._usage,
            finish_reason=self._finish_reason,
            timings=timer.timings(),
            model=model,
            mode=mode,
            writing_input=self._writing_input,
            sent_prompt=self._sent_prompt,
        )

    def _count(self, outcome: str) -> None:
        if self._sent_prompt:
            version = self._sent_prompt.version
            PROMPT_ANSWERS.labels(version.name, version.version, outcome).inc()
