"""Conversations: their turns are kept in the shared state, and earlier turns explain a follow-up question."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final, Literal

import structlog
from pydantic import TypeAdapter, ValidationError

from rag.errors import Conflict, GroundworkError, NotFound, Unavailable
from rag.state.base import Record, RecordKind, State
from rag.types import Scope, to_place_fields
from service.answering.drafts import Answer, Citation, Membership
from service.answering.events import Event
from service.answering.follow_ups import Turn
from service.metrics import CONVERSATION_TURNS_BY
from service.settings import ConversationSettings
from service.writing.unsure import is_unsure

log = structlog.get_logger()

# The state answers within milliseconds. An answer must not wait for a lost one, because it does not need it.
_PATIENCE_SECONDS = 2.0
# Each attempt fails only if another turn of the same conversation was added between its read and its write.
_ATTEMPTS = 10
# Enough to recognise the passage in a list of sources. The document has the rest.
_SNIPPET_CHARACTERS = 300
_TITLE_CHARACTERS = 100

FORMAT: Final = 2
"""Number of the stored form of a conversation. 1: its citations have no `ordinal`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCitation:
    """A citation as it is kept: enough to show it and to find the passage in its document."""

    n: int
    document_id: str
    title: str
    heading_path: tuple[str, ...]
    place: dict[str, str | int | list[int]]
    uri: str
    snippet: str
    """The quote, or the beginning of the passage."""
    ordinal: int | None = None
    """Position of the passage in its document, from 0. None in a conversation that format 1 has kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTurn:
    """A question with its answer."""

    answer_id: str
    asked: str
    """The question as the user asked it."""
    question: str
    """The question that was searched."""
    answer: str
    declined: bool
    mode: str
    citations: tuple[KeptCitation, ...]
    at: float
    """Unix time of the answer."""

    @property
    def unsure(self) -> bool:
        """True if the answer says that it may not answer. The text shows it, so the stored form has no field for it."""
        return self.mode in ("quote", "checked") and is_unsure(self.answer)

    @classmethod
    def from_answer(cls, answer: Answer) -> "KeptTurn":
        return cls(
            answer_id=answer.id,
            asked=answer.writing_input.asked,
            question=answer.question,
            answer=answer.text,
            declined=answer.declined,
            mode=answer.mode,
            citations=tuple(_to_kept(citation) for citation in answer.citations),
            at=time.time(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The turns of a conversation, oldest first."""

    id: str
    turns: Sequence[KeptTurn]
    changed: int
    """Number of its last change in the shared state. Pages of conversations are in this order."""

    @property
    def title(self) -> str:
        """The beginning of its first question."""
        return self.turns[0].asked[:_TITLE_CHARACTERS] if self.turns else ""

    @property
    def changed_at(self) -> float:
        """Unix time of the last change."""
        return self.changed / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The conversation that a question belongs to, as it was before the question."""

    id: str
    turns: Sequence[Turn] = ()
    is_readable: bool
    """False if the shared state did not answer, so that nothing is known about earlier turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    format: Literal[1, 2]
    turns: tuple[KeptTurn, ...]


_Json = TypeAdapter(_Stored)


class Conversations:
    """The conversations of all tenants. A tenant sees its own only."""

    def __init__(self, state: State, settings: ConversationSettings) -> None:
        self._state = state
        self._turns = settings.turns
        self._kind = RecordKind(name="conversations", limit=settings.per_tenant, seconds=settings.days * 24 * 60 * 60)

    async def recall(self, scope: Scope, conversation_id: str) -> Thread:
        """Return the thread for a new question. An unreachable state is logged and makes a thread without turns."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                record = await self._state.get(self._kind, scope.tenant, conversation_id)
            turns = _to_conversation(record).turns if record else ()
        except (GroundworkError, TimeoutError) as error:
            log.warning("conversation_not_read", reason=_reason(error))
            return Thread(id=conversation_id, is_readable=False)
        return Thread(
            id=conversation_id,
            turns=[Turn(question=turn.asked, answer=turn.answer) for turn in turns],
            is_readable=True,
        )

    async def record(self, scope: Scope, thread: Thread, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        """Pass the events through, add the answer to the conversation, and mark it with the result."""
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Answer):
                    is_kept = thread.is_readable and await self._keep(scope, thread.id, KeptTurn.from_answer(event))
                    CONVERSATION_TURNS_BY["kept" if is_kept else "lost"].inc()
                    yield replace(event, membership=Membership(conversation_id=thread.id, is_kept=is_kept))
                else:
                    yield event

    async def page(self, scope: Scope, *, before: int | None, limit: int) -> list[Conversation]:
        """Return the conversations of the tenant with the latest turns first."""
        records = await self._state.page(self._kind, scope.tenant, before=before, limit=limit)
        return [_to_conversation(record) for record in records]

    async def read(self, scope: Scope, conversation_id: str) -> Conversation:
        """Return a conversation. Raises `NotFound`, also for another tenant's."""
        record = await self._state.get(self._kind, scope.tenant, conversation_id)
        if record is None:
            raise _not_found(conversation_id)
        return _to_conversation(record)

    async def delete(self, scope: Scope, conversation_id: str) -> None:
        if not await self._state.delete(self._kind, scope.tenant, conversation_id):
            raise _not_found(conversation_id)

    async def _keep(self, scope: Scope, conversation_id: str, turn: KeptTurn) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._add(scope, conversation_id, turn)
        except (GroundworkError, TimeoutError) as error:
            log.warning("conversation_not_kept", reason=_reason(error))
            return False
        return True

    async def _add(self, scope: Scope, conversation_id: str, turn: KeptTurn) -> None:
        """Add a turn after those that other requests have added meanwhile."""
        for attempt in range(_ATTEMPTS):
            record = await self._state.get(self._kind, scope.tenant, conversation_id)
            turns = _to_conversation(record).turns if record else ()
            value = _Json.dump_json(_Stored(format=FORMAT, turns=(*turns, turn)[-self._turns :]))
            expected = record.changed if record else 0
            try:
                await self._state.put(self._kind, scope.tenant, conversation_id, value, expected=expected)
            except Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return


def _to_conversation(record: Record) -> Conversation:
    try:
        stored = _Json.validate_json(record.value)
    except ValidationError as error:
        # A newer replica of a rolling update wrote it. This one must not overwrite it with what it understands.
        raise Unavailable(
            f"This version of the program cannot read the conversation {record.key}. Use the version that wrote it."
        ) from error
    return Conversation(id=record.key, turns=stored.turns, changed=record.changed)


def _to_kept(citation: Citation) -> KeptCitation:
    chunk = citation.hit.chunk
    return KeptCitation(
        n=citation.number,
        document_id=chunk.document_id,
        title=chunk.title,
        heading_path=tuple(chunk.heading_path),
        place=dict(to_place_fields(chunk.place)),
        uri=chunk.uri,
        snippet=citation.quote or chunk.text[:_SNIPPET_CHARACTERS],
        ordinal=chunk.ordinal,
    )


def _not_found(conversation_id: str) -> NotFound:
    return NotFound(f"There is no conversation {conversation_id}, or it has expired.")


def _reason(error: Exception) -> str:
    return str(error) or f"The shared state did not answer within {_PATIENCE_SECONDS:g} s."
