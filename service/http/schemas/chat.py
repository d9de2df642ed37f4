"""Bodies of `/v1/chat/completions`, in the shapes of OpenAI's API."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from service.answering.drafts import Answer
from service.generation.base import FinishReason
from service.http.schemas.answers import AnswerResponse
from service.http.schemas.events import SourcesEvent
from service.http.schemas.messages import (
    ChatMessage,
    JsonFormat,
    ModelRequest,
    Tokens,
    absent,
    marked_passages,
    usage_of,
)
from service.http.schemas.search import Whole

_Stop = Annotated[str, Field(min_length=1, max_length=100)]
_MAX_STOPS = 4  # As many as OpenAI allows.


class StreamOptions(BaseModel):
    """Options of a stream."""

    model_config = ConfigDict(strict=True)

    include_usage: bool = Field(False, description="True: the last chunk has the usage, if the model server counts it.")


class NamedSchema(BaseModel):
    """A JSON schema. Its other fields are ignored: the answer is always checked."""

    schema_: dict[str, Any] | None = Field(None, alias="schema")


class ResponseFormat(BaseModel):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None

    def to_format(self) -> JsonFormat:
        return JsonFormat(type=self.type, schema=self.json_schema.schema_ if self.json_schema else None)


class ChatRequest(ModelRequest):
    """A conversation whose last user message is the question. Other fields of OpenAI's API are ignored."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)] = Field(
        examples=[[{"role": "user", "content": "How do I run it?"}]],
        description="The last user message is the question. Messages of the roles system and developer are ignored, "
        "because the service has its own prompt.",
    )
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = Field(
        None, description="For the mode `generate`, at most RAG_ANSWERING__MAX_TOKENS. Replaced by the next field."
    )
    max_completion_tokens: Tokens | None = None
    stop: _Stop | Annotated[list[_Stop], Field(max_length=_MAX_STOPS)] | None = Field(
        None, description="Strings that end the text. For the mode `generate`."
    )
    response_format: ResponseFormat | None = Field(
        None, description="JSON instead of text. For the mode `generate`. The answer is checked against the schema."
    )
    n: Annotated[Literal[1], Whole] | None = Field(None, description="There is one answer to a question.")

    @property
    def form(self) -> JsonFormat:
        return self.response_format.to_format() if self.response_format else JsonFormat()

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class UrlCitation(BaseModel):
    """The source of a part of the text."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(BaseModel):
    """A citation in the shape that OpenAI's clients show: the place of its marker `[n]`, and the document."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


def annotations_of(answer: Answer) -> list[Annotation]:
    """Return the first marker of each citation."""
    return [
        Annotation(url_citation=UrlCitation(start_index=start, end_index=end, title=chunk.title, url=chunk.uri))
        for start, end, chunk in marked_passages(answer)
    ]


class CompletionUsage(BaseModel):
    """Tokens counted by the model server."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def from_answer(cls, answer: Answer) -> Self | None:
        if (usage := usage_of(answer)) is None:
            return None
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        return cls(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


class CompletionMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None
    annotations: list[Annotation]


class CompletionChoice(BaseModel):
    """The only choice."""

    index: Literal[0] = 0
    message: CompletionMessage
    finish_reason: FinishReason
    logprobs: None = None


class ChatCompletion(BaseModel):
    """An answer in OpenAI's shape."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: CompletionUsage | None = Field(description="0 if no model was called. Null if its server reports none.")
    rag: AnswerResponse = Field(description="Extension: the answer as `/v1/answers` returns it, with its citations.")


class Delta(BaseModel):
    """What a chunk adds to the message. Absent fields add nothing."""

    role: Literal["assistant"] | None = absent()
    content: str | None = absent()
    refusal: str | None = absent()
    annotations: list[Annotation] | None = absent()


class ChunkChoice(BaseModel):
    """The only choice."""

    index: Literal[0] = 0
    delta: Delta
    finish_reason: FinishReason | None = None
    logprobs: None = None


class ChatCompletionChunk(BaseModel):
    """A part of a streamed answer in OpenAI's shape."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice] = Field(description="Empty in the chunk with the usage.")
    usage: CompletionUsage | None = None
    rag: SourcesEvent | AnswerResponse | None = absent(
        "Extension: the passages in the first chunk, the whole answer in the one with finish_reason."
    )
