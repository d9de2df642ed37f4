"""`POST /v1/responses`: OpenAI's newer API, for text."""

import time
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Depends

from rag.errors import AccessRefused, BadResponse, InvalidInput, NotFound, Overloaded
from service.answering.drafts import Answer
from service.answering.events import Event, Sources, Token
from service.generation.base import Sampling
from service.http.dependencies import require_json
from service.http.event_stream import to_event
from service.http.openapi import OF_STORE, raises, streams
from service.http.replying import Asking
from service.http.schemas.answers import AnswerResponse
from service.http.schemas.events import SourcesEvent
from service.http.schemas.problems import OpenAIError
from service.http.schemas.responses import (
    OutputMessage,
    OutputText,
    ResponseEvent,
    ResponseOut,
    ResponsesRequest,
    ResponseUsage,
    Status,
    incomplete_details_of,
)

router = APIRouter(prefix="/v1", tags=["openai"])


@router.post(
    "/responses",
    response_model=ResponseOut,
    responses=streams({"": ResponseEvent}, error=OpenAIError),
    dependencies=[Depends(require_json)],
    openapi_extra=raises(InvalidInput, NotFound, Overloaded, BadResponse, AccessRefused, *OF_STORE),
)
async def respond(body: ResponsesRequest, asking: Asking) -> Any:
    """Answer the last user message from the documents, in the shape of OpenAI's responses."""
    if body.background:
        raise InvalidInput("background: The service does not store responses. Leave the field out.")
    sampling = Sampling(max_tokens=body.max_output_tokens, temperature=body.temperature)
    inquiry = asking.inquire_last(body, body.messages, body.form, sampling)
    return await asking.reply(inquiry, _Shape(asking.request_id, body))


class _Shape:
    """OpenAI's shape of a response: one message with one text."""

    def __init__(self, request_id: str, body: ResponsesRequest) -> None:
        self._body = body
        self._id = f"resp_{request_id}"
        self._message_id = f"msg_{request_id}"
        self._created = int(time.time())
        self._count = 0

    def to_document(self, answer: Answer) -> ResponseOut:
        details = incomplete_details_of(answer)
        return self._to_response(
            "incomplete" if details else "completed",
            output=[self._to_message(answer)],
            usage=ResponseUsage.from_answer(answer),
            incomplete_details=details,
            rag=AnswerResponse.from_answer(answer),
        )

    def to_events(self, event: Event) -> Iterator[str]:
        place = {"output_index": 0, "content_index": 0, "item_id": self._message_id}
        match event:
            case Sources():
                begun = self._to_response("in_progress", output=[], rag=SourcesEvent.from_citations(event.citations))
                message = OutputMessage(id=self._message_id, status="in_progress", content=[])
                yield self._to_event("response.created", response=begun)
                yield self._to_event("response.in_progress", response=begun)
                yield self._to_event("response.output_item.added", output_index=0, item=message)
                yield self._to_event("response.content_part.added", **place, part=OutputText())
            case Token():
                yield self._to_event("response.output_text.delta", **place, delta=event.text, logprobs=[])
            case Answer():
                response = self.to_document(event)
                [message] = response.output
                [part] = message.content
                yield self._to_event("response.output_text.done", **place, text=part.text, logprobs=[])
                yield self._to_event("response.content_part.done", **place, part=part)
                yield self._to_event("response.output_item.done", output_index=0, item=message)
                yield self._to_event(f"response.{response.status}", response=response)

    def _to_response(self, status: Status, **more: Any) -> ResponseOut:
        body = self._body
        return ResponseOut(
            id=self._id,
            created_at=self._created,
            status=status,
            model=body.model,
            temperature=body.temperature,
            max_output_tokens=body.max_output_tokens,
            **more,
        )

    def _to_message(self, answer: Answer) -> OutputMessage:
        status: Status = "incomplete" if incomplete_details_of(answer) else "completed"
        return OutputMessage(id=self._message_id, status=status, content=[OutputText.from_answer(answer)])

    def _to_event(self, kind: Any, **more: Any) -> str:
        event = ResponseEvent(type=kind, sequence_number=self._count, **more)
        self._count += 1
        return to_event(kind, event.model_dump_json())
