"""`POST /v1/answers` and `POST /v1/search`."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from rag.errors import GroundworkError, InvalidInput
from rag.types import Scope
from service.answering import answerer, drafts
from service.answering.answerer import Inquiry, Token
from service.http import schemas
from service.http.dependencies import ReadingScope, ResourcesDep
from service.http.disconnect import while_connected
from service.http.problems import to_problem
from service.metrics import ANSWER_STAGES
from service.prompting.base import PromptTemplate
from service.resources import Resources

router = APIRouter(prefix="/v1", tags=["answers"])

PromptVersionHeader = Annotated[
    str | None,
    Header(
        max_length=100, description="The prompt's version to use in mode `generate`; unset: as the service is set up."
    ),
]
PromptKeyHeader = Annotated[
    str | None,
    Header(
        max_length=200,
        description="Whoever should always get the same version while two are compared, such as a conversation's id; "
        "unset: the question itself.",
    ),
]

_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.post("/answers", response_model=schemas.Answer)
async def answer(
    body: schemas.AnswerRequest,
    request: Request,
    resources: ResourcesDep,
    scope: ReadingScope,
    x_prompt_version: PromptVersionHeader = None,
    x_prompt_key: PromptKeyHeader = None,
) -> Any:
    """Answers from the documents, with citations: as JSON, or as server-sent events with `"stream": true`."""
    inquiry = _to_inquiry(body, request, resources, scope)
    prompt = _choose_prompt(resources, x_prompt_version, key=f"{scope.tenant}\n{x_prompt_key or body.question}")
    inquiry = replace(inquiry, mode=body.mode, prompt=prompt)
    events = resources.explanations.keeping(inquiry, resources.answerer.answer(inquiry))
    # The first event waits for the first piece: what fails before it is a status, not a broken stream.
    first = await while_connected(request, anext(events))
    if body.stream:
        return StreamingResponse(
            _to_stream(request, first, events), media_type="text/event-stream", headers=_STREAM_HEADERS
        )
    return await while_connected(request, _last(events))


@router.post("/search")
async def search(
    body: schemas.SearchRequest, request: Request, resources: ResourcesDep, scope: ReadingScope
) -> schemas.SearchResponse:
    """The passages that an answer would be written from."""
    inquiry = _to_inquiry(body, request, resources, scope)
    watch = ANSWER_STAGES.start(inquiry.arrived)
    material = await resources.answerer.search(inquiry, watch)
    found = [drafts.Citation(number=number, hit=hit) for number, hit in enumerate(material.hits, start=1)]
    results = [schemas.Citation.from_citation(citation) for citation in found]
    return schemas.SearchResponse(results=results, timings=watch.timings(), reranking=material.reranking)


def _to_inquiry(body: schemas.SearchRequest, request: Request, resources: Resources, scope: Scope) -> Inquiry:
    settings = resources.settings
    if len(body.question) > settings.max_question_chars:
        raise InvalidInput(f"question: longer than {settings.max_question_chars} characters.")
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


async def _last(events: AsyncIterator[answerer.Event]) -> schemas.Answer:
    [answer] = [event async for event in events if isinstance(event, drafts.Answer)]
    return schemas.Answer.from_answer(answer)


async def _to_stream(
    request: Request, first: answerer.Event, rest: AsyncGenerator[answerer.Event]
) -> AsyncIterator[str]:
    try:
        yield _to_sse(first)
        async for event in rest:
            yield _to_sse(event)
    except GroundworkError as error:
        # The status has been sent: only the metrics can still tell.
        request.state.broken = True
        yield _sse("error", json.dumps(to_problem(error)))
    finally:
        # Reached also when the client leaves: closing the events ends the generation upstream.
        await rest.aclose()


def _to_sse(event: answerer.Event) -> str:
    match event:
        case answerer.Sources():
            sources = [schemas.Citation.from_citation(citation).model_dump() for citation in event.citations]
            return _sse("sources", json.dumps({"sources": sources}))
        case Token():
            return _sse("token", json.dumps({"text": event.text}))
        case drafts.Answer():
            return _sse("done", _to_json(schemas.Answer.from_answer(event)))


def _to_json(model: BaseModel) -> str:
    return model.model_dump_json()


def _sse(event: str, data: str) -> str:
    return f"event: {event}\ndata: {data}\n\n"
