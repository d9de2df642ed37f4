"""`POST /v1/answers` and `POST /v1/search`."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Depends, Request

from rag.errors import AccessRefused, BadResponse, InvalidInput, Overloaded
from service.answering.drafts import Answer, cite_all
from service.answering.events import Event, Sources, Token
from service.http.dependencies import ReadingScope, ResourcesDep, require_json
from service.http.disconnect import while_connected
from service.http.event_stream import to_event
from service.http.openapi import OF_STORE, raises, streams
from service.http.replying import Asking, to_inquiry
from service.http.schemas.answers import AnswerRequest, AnswerResponse
from service.http.schemas.events import SourcesEvent, StepOut, TokenEvent
from service.http.schemas.search import CitationOut, SearchRequest, SearchResponse
from service.metrics import ANSWER_STAGES
from service.writing.base import Step

router = APIRouter(prefix="/v1", tags=["answers"])


@router.post(
    "/answers",
    response_model=AnswerResponse,
    responses=streams({"step": StepOut, "sources": SourcesEvent, "token": TokenEvent, "done": AnswerResponse}),
    dependencies=[Depends(require_json)],
    openapi_extra=raises(InvalidInput, Overloaded, BadResponse, AccessRefused, *OF_STORE),
)
async def answer(body: AnswerRequest, asking: Asking) -> Any:
    """Answer a question from the documents, as JSON or, with `"stream": true`, as server-sent events."""
    inquiry = asking.inquire(
        body.question,
        limit=body.limit,
        where=body.filter,
        mode=body.mode,
        is_streamed=body.stream,
        conversation_id=body.conversation_id,
    )
    return await asking.reply(inquiry, _Shape())


@router.post(
    "/search",
    dependencies=[Depends(require_json)],
    openapi_extra=raises(InvalidInput, Overloaded, BadResponse, AccessRefused, *OF_STORE),
)
async def search(body: SearchRequest, request: Request, resources: ResourcesDep, scope: ReadingScope) -> SearchResponse:
    """Return the passages that a search for the question finds, in the order for a reader."""
    inquiry = to_inquiry(request, resources, scope, body.question, limit=body.limit, where=body.filter)
    timer = ANSWER_STAGES.start(inquiry.arrived)
    passages = await while_connected(request, resources.answerer.search(inquiry, timer))
    results = [CitationOut.from_citation(citation) for citation in cite_all(passages.hits)]
    return SearchResponse(results=results, timings=timer.timings(), reranking=passages.reranking)


class _Shape:
    """The service's own shape of an answer."""

    def to_document(self, answer: Answer) -> AnswerResponse:
        return AnswerResponse.from_answer(answer)

    def to_events(self, event: Event) -> Iterator[str]:
        match event:
            case Sources():
                yield to_event("sources", SourcesEvent.from_citations(event.citations).model_dump_json())
            case Token():
                yield to_event("token", TokenEvent(text=event.text).model_dump_json())
            case Step():
                yield to_event("step", StepOut.model_validate(event).model_dump_json())
            case Answer():
                yield to_event("done", AnswerResponse.from_answer(event).model_dump_json())
