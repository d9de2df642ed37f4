"""Bodies of `/v1/responses`, in the shapes of OpenAI's API."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from service.answering.drafts import Answer
from service.http.schemas.answers import AnswerResponse
from service.http.schemas.events import SourcesEvent
from service.http.schemas.messages import (
    ChatMessage,
    ContentPart,
    JsonFormat,
    ModelRequest,
    Role,
    Text,
    Tokens,
    absent,
    marked_passages,
    usage_of,
)

Status = Literal["in_progress", "completed", "incomplete"]
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class InputItem(BaseModel):
    """An item of the conversation. Items without a role, such as calls of tools, are ignored."""

    type: Text = "message"
    role: Role | None = None
    content: Text | list[ContentPart] | None = None


class TextOptions(BaseModel):
    """The form of the text."""

    format: JsonFormat | None = None


class ResponsesRequest(ModelRequest):
    """A conversation whose last user message is the question. Other fields of OpenAI's API are ignored."""

    input: Text | Annotated[list[InputItem], Field(min_length=1)] = Field(
        examples=["How do I run it?"], description="The question, or messages of which the last one of the user is it."
    )
    max_output_tokens: Tokens | None = Field(
        None, description="For the mode `generate`, at most RAG_ANSWERING__MAX_TOKENS."
    )
    text: TextOptions | None = Field(
        None, description="JSON instead of text. For the mode `generate`. The answer is checked against the schema."
    )
    background: bool | None = Field(None, description="Responses are not kept.")
    previous_response_id: None = Field(None, description="Responses are not kept. Send the earlier turns in `input`.")
    conversation: None = Field(None, description="Send the earlier turns in `input`.")

    @property
    def form(self) -> JsonFormat:
        return (self.text and self.text.format) or JsonFormat()

    @property
    def messages(self) -> list[ChatMessage]:
        """The conversation in the form of chat completions."""
        if isinstance(self.input, str):
            return [ChatMessage(role="user", content=self.input)]
        return [ChatMessage(role=item.role, content=item.content) for item in self.input if item.role]


class UrlAnnotation(BaseModel):
    """A citation in the shape that OpenAI's clients show: the place of its marker `[n]`, and the document."""

    type: Literal["url_citation"] = "url_citation"
    start_index: int
    end_index: int
    title: str
    url: str


class OutputText(BaseModel):
    """The text of the answer."""

    type: Literal["output_text"] = "output_text"
    text: str = ""
    annotations: list[UrlAnnotation] = []
    logprobs: list[Any] = []

    @classmethod
    def from_answer(cls, answer: Answer) -> Self:
        annotations = [
            UrlAnnotation(start_index=start, end_index=end, title=chunk.title, url=chunk.uri)
            for start, end, chunk in marked_passages(answer)
        ]
        return cls(text=answer.text, annotations=annotations)


class OutputMessage(BaseModel):
    """The answer."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    status: Status
    content: list[OutputText]


class TokenDetails(BaseModel):
    """Tokens that the service does not count separately."""

    cached_tokens: Literal[0] = 0
    cache_write_tokens: Literal[0] = 0
    reasoning_tokens: Literal[0] = 0


class ResponseUsage(BaseModel):
    """Tokens counted by the model server."""

    input_tokens: int
    input_tokens_details: TokenDetails = TokenDetails()
    output_tokens: int
    output_tokens_details: TokenDetails = TokenDetails()
    total_tokens: int

    @classmethod
    def from_answer(cls, answer: Answer) -> Self | None:
        if (usage := usage_of(answer)) is None:
            return None
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        return cls(input_tokens=prompt, output_tokens=completion, total_tokens=prompt + completion)


class IncompleteDetails(BaseModel):
    """Why the answer is cut off."""

    reason: str


class ResponseOut(BaseModel):
    """An answer in OpenAI's shape."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Status
    model: str
    output: list[OutputMessage]
    usage: ResponseUsage | None = Field(None, description="0 if no model was called. Null if its server reports none.")
    incomplete_details: IncompleteDetails | None = None
    error: None = None
    instructions: None = None
    metadata: dict[str, str] = {}
    parallel_tool_calls: Literal[False] = False
    temperature: float | None = None
    max_output_tokens: int | None = None
    tool_choice: Literal["none"] = "none"
    tools: list[Any] = []
    top_p: None = None
    previous_response_id: None = None
    store: Literal[False] = False
    rag: SourcesEvent | AnswerResponse | None = absent(
        "Extension: the passages while the response is in progress, then the answer as `/v1/answers` returns it."
    )


class ResponseEvent(BaseModel):
    """Data of any event of a streamed response. Each type has some of the fields."""

    type: Literal[
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
        "response.incomplete",
    ]
    sequence_number: int
    response: ResponseOut | None = absent()
    item: OutputMessage | None = absent()
    part: OutputText | None = absent()
    item_id: str | None = absent()
    output_index: Literal[0] | None = absent()
    content_index: Literal[0] | None = absent()
    delta: str | None = absent()
    text: str | None = absent()
    logprobs: list[Any] | None = absent()


def incomplete_details_of(answer: Answer) -> IncompleteDetails | None:
    """Return why the answer is cut off, or None if it is complete."""
    reason = _INCOMPLETE.get(answer.finish_reason or "")
    return IncompleteDetails(reason=reason) if reason else None
