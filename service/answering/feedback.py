"""Feedback on answers, kept with what explains the answer. `python -m evals feedback` makes an evaluation set of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import structlog
from pydantic import TypeAdapter, ValidationError

from rag.errors import GroundworkError, NotFound, Unavailable
from rag.state.base import Record, RecordKind, State
from rag.types import Scope
from service.answering.drafts import Answer
from service.metrics import FEEDBACK
from service.prompting.base import PromptVersion
from service.settings import FeedbackSettings

log = structlog.get_logger()

Rating = Literal["up", "down"]

_HOUR = 60 * 60
# The state answers within milliseconds. An answer must not wait for a lost one, because it does not need it.
_PATIENCE_SECONDS = 2.0
# Large enough for few calls, small enough for one answer of the server.
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPassage:
    """A passage that the answer was written from."""

    document_id: str
    version: str
    text: str
    is_cited: bool
    quote: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedAnswer:
    """An answer that can be rated, with everything that explains it to a person who reads its feedback months later."""

    asked: str
    question: str
    answer: str
    declined: bool
    mode: str
    model: str
    prompt: PromptVersion | None
    revision: str
    """Revision of the collection at the time of the answer."""
    passages: tuple[ReadPassage, ...]
    at: float
    """Unix time of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """The rating of an answer. Its field names are the stored format."""

    format: Literal[1] = 1
    answer_id: str
    rating: Rating | None
    """None if the answer was not rated yet."""
    reason: str = ""
    """What is wrong or right, in the words of the user."""
    correction: str = ""
    """The answer that the user expected."""
    at: float = 0.0
    """Unix time of the rating."""
    answer: RatedAnswer


_Json = TypeAdapter(Feedback)


class FeedbackLog:
    """Recent answers that can be rated, and the ratings of each tenant."""

    def __init__(self, state: State, settings: FeedbackSettings) -> None:
        self._state = state
        self._is_enabled = settings.hours > 0
        self._answers = RecordKind(name="answers", limit=settings.answers, seconds=settings.hours * _HOUR)
        self._ratings = RecordKind(name="feedback", limit=settings.per_tenant, seconds=settings.days * 24 * _HOUR)

    async def remember(self, scope: Scope, answer: Answer, *, revision: str) -> None:
        """Keep an answer so that it can be rated. A failing state is logged, because the answer is not at fault."""
        if not self._is_enabled:
            return
        value = _Json.dump_json(Feedback(answer_id=answer.id, rating=None, answer=_to_rated(answer, revision=revision)))
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._state.put(self._answers, scope.tenant, answer.id, value)
        except (GroundworkError, TimeoutError) as error:
            log.warning("answer_cannot_be_rated", answer=answer.id, reason=str(error) or type(error).__name__)

    async def rate(self, scope: Scope, answer_id: str, rating: Rating, *, reason: str, correction: str) -> None:
        """Rate an answer; a later rating replaces an earlier one. Raises `NotFound` for unknown and old answers."""
        found = await self._find(scope, answer_id)
        feedback = Feedback(
            answer_id=answer_id,
            rating=rating,
            reason=reason,
            correction=correction,
            at=time.time(),
            answer=found.answer,
        )
        await self._state.put(self._ratings, scope.tenant, answer_id, _Json.dump_json(feedback))
        FEEDBACK.labels(rating, found.answer.mode).inc()

    async def withdraw(self, scope: Scope, answer_id: str) -> None:
        """Delete the rating of an answer. Raises `NotFound` if it has no rating."""
        if not await self._state.delete(self._ratings, scope.tenant, answer_id):
            raise NotFound(f"The answer {answer_id} has no feedback.")

    async def all_of(self, scope: Scope) -> AsyncIterator[Feedback]:
        """Yield the feedback of a tenant, the latest first."""
        before = None
        while records := await self._state.page(self._ratings, scope.tenant, before=before, limit=_PAGE):
            for record in records:
                yield _to_feedback(record)
            before = records[-1].changed

    async def _find(self, scope: Scope, answer_id: str) -> Feedback:
        for kind in (self._ratings, self._answers):
            if record := await self._state.get(kind, scope.tenant, answer_id):
                return _to_feedback(record)
        raise NotFound(
            f"There is no answer {answer_id} to rate. Check the id. Each tenant can rate its last "
            f"{self._answers.limit:,} answers for {self._answers.seconds // _HOUR:,} hours: RAG_FEEDBACK__ANSWERS and "
            "RAG_FEEDBACK__HOURS."
        )


def _to_rated(answer: Answer, *, revision: str) -> RatedAnswer:
    cited = {citation.number: citation.quote for citation in answer.citations}
    return RatedAnswer(
        asked=answer.writing_input.asked,
        question=answer.question,
        answer=answer.text,
        declined=answer.declined,
        mode=answer.mode,
        model=answer.model,
        prompt=answer.prompt,
        revision=revision,
        passages=tuple(
            ReadPassage(
                document_id=hit.chunk.document_id,
                version=hit.chunk.version,
                text=hit.chunk.text,
                is_cited=number in cited,
                quote=cited.get(number),
            )
            for number, hit in enumerate(answer.writing_input.hits, start=1)
        ),
        at=time.time(),
    )


def _to_feedback(record: Record) -> Feedback:
    try:
        return _Json.validate_json(record.value)
    except ValidationError as error:
        raise Unavailable(
            f"This version of the program cannot read the feedback {record.key}. Use the version that wrote it."
        ) from error
