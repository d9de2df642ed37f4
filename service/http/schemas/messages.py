"""What the bodies of OpenAI's two APIs for conversations share."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from rag.errors import InvalidInput
from rag.types import Chunk
from service.answering.drafts import Answer
from service.generation.base import Usage
from service.http.schemas.answers import Whole

# A bound also makes Pydantic reject half of a surrogate pair, which JSON can carry and no store can.
Text = Annotated[str, Field(max_length=1_000_000)]
Tokens = Annotated[int, Field(ge=1), Whole]


Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class ContentPart(BaseModel):
    """A part of a message. Only parts with text are read."""

    type: Text = Field(examples=["text"])
    text: Text | None = None


class ChatMessage(BaseModel):
    """A message of the conversation."""

    role: Role
    content: Text | list[ContentPart] | None = None

    def to_text(self) -> str:
        """Return the text of all parts."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "\n".join(part.text for part in self.content if part.text)


def question_of(messages: Sequence[ChatMessage]) -> str:
    """Return the last user message. Raises `InvalidInput` if it is missing, or has more than text."""
    last = next((message for message in reversed(messages) if message.role == "user"), None)
    if last and isinstance(last.content, list) and (foreign := [it.type for it in last.content if it.text is None]):
        raise InvalidInput(f"messages: The service reads text only. Remove the part of type {foreign[0]!r:.100}.")
    if last is None or not (question := last.to_text().strip()):
        raise InvalidInput("messages: There is no question. Send a message with the role user and text, as the last.")
    return question


def marked_passages(answer: Answer) -> Iterator[tuple[int, int, Chunk]]:
    """Yield the place of the first marker of each citation, and the passage."""
    for citation in answer.citations:
        marker = f"[{citation.number}]"
        start = answer.text.find(marker)
        if start >= 0:
            yield start, start + len(marker), citation.hit.chunk


def usage_of(answer: Answer) -> Usage | None:
    """Return the usage: 0 if no model was called, None if the model server did not report it."""
    return answer.usage or (None if answer.sent_prompt else Usage(prompt_tokens=0, completion_tokens=0))


def absent(description: str | None = None) -> Any:
    """Return a field that is left out instead of null: clients would read null as a new value."""
    return Field(None, description=description, exclude_if=lambda value: value is None)
