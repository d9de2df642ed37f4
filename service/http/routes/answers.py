"""`POST /v1/answers` and `POST /v1/search`."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.exceptions import RequestValidationError

from rag.errors import AccessRefused, BadResponse, InvalidInput, Overloaded
from rag.types import Scope
from service.answering.answerer import Event, Inquiry, Sources, Token
from service.answering.drafts import Answer, Citation
from service.http.dependencies import ReadingScope, ResourcesDep, require_json
from service.http.disconnect import while_connected
from service.http.event_stream import EventStreamResponse, to_event
from service.http.openapi import raises, streams
from service.http.schemas.answers import (
    AnswerRequest,
    AnswerResponse,
    CitationOut,
    SearchRequest,
    SearchResponse,
    SourcesEvent,
    TokenEvent,
)
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


@router.post(
    "/answers",
    response_model=AnswerResponse,
    responses=streams(),
    dependencies=[Depends(require_json)],
    openapi_extra=raises(InvalidInput, Overloaded, BadResponse, AccessRefused),
)
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
    inquiry = replace(inquiry, mode=body.mode, prompt=prompt, is_streamed=body.stream)
    events = resources.explanations.record(inquiry, resources.answerer.answer(inquiry))
    if not body.stream:
        return await while_connected(request, _last(events))
    start_at = request.state.arrived + resources.settings.answering.stream_after_seconds
    return EventStreamResponse(_to_stream(request, await while_connected(request, _begin(events, start_at))))


@router.post(
    "/search",
    dependencies=[Depends(require_json)],
    openapi_extra=raises(InvalidInput, Overloaded, BadResponse, AccessRefused),
)
async def search(body: SearchRequest, request: Request, resources: ResourcesDep, scope: ReadingScope) -> SearchResponse:
    """Return the passages that an answer would be written from."""
    inquiry = _to_inquiry(body, request, resources, scope)
    timer = ANSWER_STAGES.start(inquiry.arrived)
    passages = await while_connected(request, resources.answerer.search(inquiry, timer))
    citations = [Citation(number=number, hit=hit) for number, hit in enumerate(passages.hits, start=1)]
    results = [CitationOut.from_citation(citation) for citation in citations]
    return SearchResponse(results=results, timings=timer.timings(), reranking=passages.reranking)


def _to_inquiry(body: SearchRequest, request: Request, resources: Resources, scope: Scope) -> Inquiry:
    # The middleware that counts requests reads it: a client that leaves before the first text may have given up.
    request.state.awaits_text = True
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


async def _begin(events: AsyncGenerator[Event], start_at: float) -> AsyncGenerator[Event]:
    """Await the passages and the first text, but the text not beyond `start_at`. Return all events.

    An error up to then is raised, and gets an HTTP status. A later one has to become an event of the stream.
    """
    passages = await anext(events)
    first_text = asyncio.create_task(anext(events))
    try:
        await asyncio.wait({first_text}, timeout=max(0.0, start_at - time.perf_counter()))
        if first_text.done():
            first_text.result()
    except BaseException:
        await _stop(first_text, events)
        raise
    return _continue(passages, first_text, events)


async def _continue(
    passages: Event, first_text: asyncio.Task[Event], rest: AsyncGenerator[Event]
) -> AsyncGenerator[Event]:
    try:
        yield passages
        yield await first_text
        async for event in rest:
            yield event
    finally:
        # Also reached when the client disconnects. Closing the events stops the generation at the model server.
        await _stop(first_text, rest)


async def _stop(first_text: asyncio.Task[Event], events: AsyncGenerator[Event]) -> None:
    first_text.cancel()
    # Events that wait inside a task cannot be closed.
    await asyncio.gather(first_text, return_exceptions=True)
    await events.aclose()


async def _to_stream(request: Request, events: AsyncGenerator[Event]) -> AsyncGenerator[str]:
    async with aclosing(events):
        async for event in events:
            if not isinstance(event, Sources):
                request.state.awaits_text = False
            yield _to_sse(event)


def _to_sse(event: Event) -> str:
    match event:
        case Sources():
            sources = [CitationOut.from_citation(citation) for citation in event.citations]
            return to_event("sources", SourcesEvent(sources=sources).model_dump_json())
        case Token():
            return to_event("token", TokenEvent(text=event.text).model_dump_json())
        case Answer():
            return to_event("done", AnswerResponse.from_answer(event).model_dump_json())
