"""Bodies of `/v1/conversations`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from rag.errors import InvalidInput
from service.answering.conversations import Conversation
from service.http.schemas.search import PlaceOut


class KeptCitationOut(BaseModel):
    """A citation of an earlier answer. Its document may have changed since."""

    model_config = ConfigDict(from_attributes=True)

    n: int
    document_id: str
    title: str
    heading_path: list[str]
    place: PlaceOut
    uri: str
    snippet: str = Field(description="The quote, or the beginning of the passage.")
    ordinal: int | None = Field(
        description="Position of the passage in its document, from 0. Null if an earlier version of the service kept "
        "the answer."
    )


class TurnOut(BaseModel):
    """A question with its answer."""

    model_config = ConfigDict(from_attributes=True)

    answer_id: str
    asked: str = Field(description="The question as the user asked it.")
    question: str = Field(description="The question that was searched: a follow-up is rewritten to stand alone.")
    answer: str
    declined: bool
    unsure: bool
    mode: str
    citations: list[KeptCitationOut]
    at: datetime


class ConversationSummaryOut(BaseModel):
    """A conversation in a list."""

    id: str
    title: str = Field(description="The beginning of its first question that is still kept.")
    turns: int
    changed_at: datetime

    @classmethod
    def from_conversation(cls, conversation: Conversation) -> Self:
        return cls(
            id=conversation.id,
            title=conversation.title,
            turns=len(conversation.turns),
            changed_at=datetime.fromtimestamp(conversation.changed_at, UTC),
        )


class ConversationListResponse(BaseModel):
    """One page of the conversations of the tenant, the latest first."""

    conversations: list[ConversationSummaryOut]
    next: str | None = Field(None, description="The `cursor` of the next page. Null on the last page.")

    @classmethod
    def from_page(cls, page: Sequence[Conversation], *, limit: int) -> Self:
        """Return the first `limit` conversations of the page, which has one more if there is a next page."""
        shown = page[:limit]
        return cls(
            conversations=[ConversationSummaryOut.from_conversation(conversation) for conversation in shown],
            next=str(shown[-1].changed) if len(page) > limit else None,
        )


class ConversationResponse(BaseModel):
    """A conversation with its turns, oldest first."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    title: str
    turns: list[TurnOut]
    changed_at: datetime


def from_cursor(cursor: str) -> int:
    """Raises `InvalidInput` if the cursor is not from a page of conversations."""
    if not (cursor.isascii() and cursor.isdecimal()):
        raise InvalidInput("The cursor is not valid. Send `next` of the previous page.")
    return int(cursor)
