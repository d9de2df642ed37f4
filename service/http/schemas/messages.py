"""Fields that both of OpenAI's APIs for conversations have."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rag.errors import InvalidInput
from rag.types import Chunk
from service.answering.drafts import Answer
from service.answering.follow_ups import Turn
from service.generation.base import Usage
from service.http.schemas.search import FilterRequest, Whole, is_visible
from service.settings import Mode
from service.writing.structure import check_schema

# A bound also makes Pydantic reject half of a surrogate pair, which JSON can carry and no store can.
Text = Annotated[str, Field(max_length=1_000_000)]
Tokens = Annotated[int, Field(ge=1), Whole]


# Far more than the prompt of a follow-up question has room for.
_MAX_TURNS = 20
_TURN_CHARACTERS = 4_000

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


class JsonFormat(BaseModel):
    """The form of the answer: text, any JSON object, or JSON that follows a schema."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    # The field is called `schema`, which is a method of the base class.
    schema_: dict[str, Any] | None = Field(None, alias="schema")

    def to_schema(self, mode: Mode) -> Mapping[str, Any] | None:
        """Return the JSON schema, or None for text. Raises `InvalidInput` if it cannot be followed."""
        if self.type == "text":
            return None
        if mode != "generate":
            raise InvalidInput(f"The mode {mode} writes text. For JSON, choose the model groundwork-generate.")
        if self.type == "json_object":
            return {"type": "object"}
        if self.schema_ is None:
            raise InvalidInput("The format json_schema has no schema. Send it, or choose json_object.")
        check_schema(self.schema_)
        return self.schema_


class ModelRequest(BaseModel):
    """The fields that both APIs have, with the same meaning."""

    model_config = ConfigDict(strict=True)

    model: Text = Field(description="A name of `/v1/models`. It chooses the mode.", examples=["groundwork-quote"])
    stream: bool | None = False
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(None, description="For the mode `generate`.")
    tool_choice: Literal["none", "auto"] | None = Field(None, description="The service never calls a client's tools.")
    limit: Annotated[int, Field(ge=1, le=50), Whole] | None = Field(
        None, description="Extension: number of passages. Unset: RAG_RETRIEVAL__LIMIT."
    )
    filter: FilterRequest = Field(FilterRequest(), description="Extension: the documents to search.")


def to_conversation(messages: Sequence[ChatMessage]) -> tuple[str, list[Turn]]:
    """Return the last user message, which is the question, and the latest turns before it.

    Raises `InvalidInput` if the question is missing, or has more than text.
    """
    last = next((number for number in reversed(range(len(messages))) if messages[number].role == "user"), None)
    if last is None:
        raise InvalidInput("messages: There is no question. The last message must have the role user.")
    content = messages[last].content
    if isinstance(content, list) and (foreign := [part.type for part in content if part.text is None]):
        raise InvalidInput(f"messages: The service reads text only. Remove the part of type {foreign[0]!r:.100}.")
    question = messages[last].to_text().strip()
    if not is_visible(question):
        raise InvalidInput("messages: The last message with the role user has no text. Send the question in it.")
    return question, _to_turns(messages[:last])


def _to_turns(messages: Sequence[ChatMessage]) -> list[Turn]:
    turns: list[Turn] = []
    question = ""
    for message in messages:
        text = message.to_text().strip()
        if message.role == "user":
            question = text
        elif message.role == "assistant" and question and text:
            turns.append(Turn(question=question[:_TURN_CHARACTERS], answer=text[:_TURN_CHARACTERS]))
            question = ""
    return turns[-_MAX_TURNS:]


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
