"""`POST /v1/chat/completions` and `GET /v1/models`: the service for clients of OpenAI's API."""

import time
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Depends

from rag.errors import AccessRefused, BadResponse, InvalidInput, NotFound, Overloaded
from service.answering.drafts import Answer
from service.answering.events import Event, Sources, Token
from service.generation.base import Sampling
from service.http.dependencies import ReadingScope, ResourcesDep, require_json
from service.http.event_stream import to_data
from service.http.openapi import OF_STORE, raises, streams
from service.http.replying import Asking
from service.http.schemas.answers import AnswerResponse
from service.http.schemas.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatRequest,
    ChunkChoice,
    CompletionChoice,
    CompletionMessage,
    CompletionUsage,
    Delta,
    annotations_of,
)
from service.http.schemas.events import SourcesEvent
from service.http.schemas.models import ModelListResponse, ModelOut, modes_of, to_mode
from service.http.schemas.problems import OpenAIError

router = APIRouter(prefix="/v1", tags=["openai"])

_DONE = "[DONE]"


@router.post(
    "/chat/completions",
    response_model=ChatCompletion,
    responses=streams({"": ChatCompletionChunk}, error=OpenAIError, end=_DONE),
    dependencies=[Depends(require_json)],
    openapi_extra=raises(InvalidInput, NotFound, Overloaded, BadResponse, AccessRefused, *OF_STORE),
)
async def complete(body: ChatRequest, asking: Asking) -> Any:
    """Answer the last user message from the documents, in the shape of OpenAI's chat completions."""
    sampling = Sampling(
        max_tokens=body.max_completion_tokens or body.max_tokens, temperature=body.temperature, stop=body.stops
    )
    inquiry = asking.inquire_last(body, body.messages, body.form, sampling)
    has_usage = body.stream_options is not None and body.stream_options.include_usage
    return await asking.reply(
        inquiry, _Shape(asking.request_id, body.model, has_usage=has_usage, is_json=inquiry.schema is not None)
    )


@router.get("/models")
async def list_models(resources: ResourcesDep, _: ReadingScope) -> ModelListResponse:
    """List the modes of answering as models. Each one works in `/v1/chat/completions`."""
    return ModelListResponse(data=[ModelOut.from_mode(mode) for mode in modes_of(resources.settings)])


@router.get("/models/{model}", openapi_extra=raises(NotFound))
async def get_model(model: str, resources: ResourcesDep, _: ReadingScope) -> ModelOut:
    """Return a mode of answering as a model."""
    return ModelOut.from_mode(to_mode(model, resources.settings))


class _Shape:
    """OpenAI's shape of an answer."""

    def __init__(self, request_id: str, model: str, *, has_usage: bool, is_json: bool) -> None:
        """`has_usage`: the client asked for the usage at the end of the stream.

        `is_json`: it expects JSON, so a declined answer becomes OpenAI's refusal, which is not parsed.
        """
        # The id of the answer does not exist yet when a stream begins.
        self._id = f"chatcmpl-{request_id}"
        self._model = model
        self._created = int(time.time())
        self._has_usage = has_usage
        self._is_json = is_json
        self._refuses = False

    def to_document(self, answer: Answer) -> ChatCompletion:
        refuses = self._is_json and answer.declined
        content, refusal = (None, answer.text) if refuses else (answer.text, None)
        message = CompletionMessage(content=content, refusal=refusal, annotations=annotations_of(answer))
        return ChatCompletion(
            id=self._id,
            created=self._created,
            model=self._model,
            choices=[CompletionChoice(message=message, finish_reason=answer.finish_reason or "stop")],
            usage=CompletionUsage.from_answer(answer),
            rag=AnswerResponse.from_answer(answer),
        )

    def to_events(self, event: Event) -> Iterator[str]:
        match event:
            case Sources():
                self._refuses = self._is_json and not event.citations
                sources = SourcesEvent.from_citations(event.citations)
                yield self._to_chunk(ChunkChoice(delta=Delta(role="assistant", content="")), rag=sources)
            case Token():
                delta = Delta(refusal=event.text) if self._refuses else Delta(content=event.text)
                yield self._to_chunk(ChunkChoice(delta=delta))
            case Answer():
                delta = Delta(annotations=annotations_of(event) or None)
                choice = ChunkChoice(delta=delta, finish_reason=event.finish_reason or "stop")
                yield self._to_chunk(choice, rag=AnswerResponse.from_answer(event))
                if self._has_usage and (usage := CompletionUsage.from_answer(event)):
                    yield self._to_chunk(usage=usage)
                yield to_data(_DONE)

    def _to_chunk(self, *choices: ChunkChoice, **more: Any) -> str:
        chunk = ChatCompletionChunk(
            id=self._id, created=self._created, model=self._model, choices=list(choices), **more
        )
        return to_data(chunk.model_dump_json())
