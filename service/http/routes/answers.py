"""`POST /v1/answers` and `POST /v1/search`."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse

from rag.errors import GroundworkError, InvalidInput
from rag.types import Scope
from service.answering.answerer import Event, Inquiry, Sources, Token
from service.answering.drafts import Answer, Citation
from service.http.dependencies import ReadingScope, ResourcesDep
from service.http.disconnect import while_connected
from service.http.problems import to_problem
from service.http.schemas.answers import AnswerRequest, AnswerResponse, CitationOut, SearchRequest, SearchResponse
from service.metrics import ANSWER_STAGES
from service.prompting.base import PromptTemplate
from service.resources import Resources

router = APIRouter(prefix="/v1", tags=["answers"])

PromptVersionHeader = Annotated[
    str | None,
    Header(max_length=100, description="Prompt version of the mode `generate`. Unset: the service chooses one."),
]
PromptKeyHeader = Annotated[
    str | None,
    Header(max_length=200, description="Key of one prompt version, such as a conversation id. Unset: the question."),
]

_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.post("/answers", response_model=AnswerResponse)
async def answer(
    body: AnswerRequest,
    request: Request,
    resources: ResourcesDep,
    scope: ReadingScope,
    x_prompt_version: PromptVersionHeader = None,
    x_prompt_key: PromptKeyHeader = None,
) -> Any:
    """Answer a question from the documents, as JSON or, with `"stream": true`, as server-sent events."""
    inquiry = _to_inquiry(body, request, resources, scope)
    prompt = _choose_prompt(resources, x_prompt_version, key=f"{scope.tenant}\n{x_prompt_key or body.question}")
    inquiry = replace(inquiry, mode=body.mode, prompt=prompt)
    events = resources.explanations.record(inquiry, resources.answerer.answer(inquiry))
    # The first event waits for the first text of the model. A failure up to then still gets an HTTP status.
    first = await while_connected(request, anext(events))
    if body.stream:
        stream = _stream(request, first, events)
        return StreamingResponse(stream, media_type="text/event-stream", headers=_STREAM_HEADERS)
    return await while_connected(request, _last(events))


@router.post("/search")
async def search(body: SearchRequest, request: Request, resources: ResourcesDep, scope: ReadingScope) -> SearchResponse:
    """Return the passages that an answer would be written from."""
    inquiry = _to_inquiry(body, request, resources, scope)
    timer = ANSWER_STAGES.start(inquiry.arrived)
    passages = await resources.answerer.search(inquiry, timer)
    citations = [Citation(number=number, hit=hit) for number, hit in enumerate(passages.hits, start=1)]
    results = [CitationOut.from_citation(citation) for citation in citations]
    return SearchResponse(results=results, timings=timer.timings(), reranking=passages.reranking)


def _to_inquiry(body: SearchRequest, request: Request, resources: Resources, scope: Scope) -> Inquiry:
    settings = resources.settings
    if len(body.question) > settings.max_question_chars:
        raise InvalidInput(f"question: RAG_MAX_QUESTION_CHARS allows {settings.max_question_chars} characters.")
    return Inquiry(
        scope=scope,
        question=body.question,
        limit=body.limit or settings.retrieval.limit,
        where=body.filter.to_chunk_filter(),
        arrived=request.state.arrived,
    )


def _choose_prompt(resources: Resources, version: str | None, *, key: str) -> PromptTemplate:
    if version is None:
        return resources.prompts.assigned(key)
    try:
        return resources.prompts.named(version)
    except InvalidInput as error:
        fault = {"loc": ("header", "X-Prompt-Version"), "msg": str(error), "type": "value_error"}
        raise RequestValidationError([fault]) from error


async def _last(events: AsyncIterator[Event]) -> AnswerResponse:
    [answer] = [event async for event in events if isinstance(event, Answer)]
    return AnswerResponse.from_answer(answer)


async def _stream(request: Request, first: Event, rest: AsyncGenerator[Event]) -> AsyncIterator[str]:
    try:
        yield _to_sse(first)
        async for event in rest:
            yield _to_sse(event)
    except GroundworkError as error:
        # The status 200 has been sent already. The middleware reads this flag to count the request as an error.
        request.state.broken = True
        yield _sse("error", json.dumps(to_problem(error)))
    finally:
        # Also reached when the client disconnects. Closing the events stops the generation at the model server.
        await rest.aclose()


def _to_sse(event: Event) -> str:
    match event:
        case Sources():
            sources = [CitationOut.from_citation(citation).model_dump() for citation in event.citations]
            return _sse("sources", json.dumps({"sources": sources}))
        case Token():
            return _sse("token", json.dumps({"text": event.text}))
        case Answer():
            return _sse("done", AnswerResponse.from_answer(event).model_dump_json())


def _sse(event: str, data: str) -> str:
    return f"event: {event}\ndata: {data}\n\n"
