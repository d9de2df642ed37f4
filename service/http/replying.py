"""From a request to an answer in a response: the mechanism of every route that answers.

The routes differ in the shape of their documents and events only. Limits, early errors, disconnects, draining and the
counted outcomes are the same for all of them.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Annotated, Any, Protocol

from fastapi import Depends, Header, Request
from fastapi.exceptions import RequestValidationError

from rag.errors import InvalidInput
from rag.types import Scope
from service.answering.drafts import Answer
from service.answering.events import Event, Inquiry, Token
from service.generation.base import Sampling
from service.http.dependencies import ReadingScope, ResourcesDep
from service.http.disconnect import while_connected
from service.http.event_stream import EventStreamResponse
from service.http.schemas.messages import ChatMessage, JsonFormat, ModelRequest, to_conversation
from service.http.schemas.models import to_mode
from service.http.schemas.search import FilterRequest
from service.prompting.base import PromptTemplate
from service.resources import Resources


class Shape(Protocol):
    """The form of a route's responses. One instance writes one response."""

    def to_document(self, answer: Answer) -> Any:
        """Return the body of a response that is not streamed."""

    def to_events(self, event: Event) -> Iterator[str]:
        """Yield the server-sent events for an event of the answer."""


class _Asking:
    """The request, its caller and the resources: what a route needs to ask and to reply."""

    def __init__(
        self,
        request: Request,
        resources: ResourcesDep,
        scope: ReadingScope,
        x_prompt_version: Annotated[
            str | None,
            Header(max_length=100, description="Prompt version of the mode `generate`. Unset: the service chooses."),
        ] = None,
        x_prompt_key: Annotated[
            str | None,
            Header(max_length=200, description="Key of one prompt version, such as a conversation id."),
        ] = None,
    ) -> None:
        self.settings = resources.settings
        self._request = request
        self._resources = resources
        self._scope = scope
        self._prompt_version = x_prompt_version
        self._prompt_key = x_prompt_key

    @property
    def request_id(self) -> str:
        """Id of the request, as in the log."""
        name: str = self._request.state.request_id
        return name

    def inquire(self, question: str, *, limit: int | None, where: FilterRequest, **options: Any) -> Inquiry:
        """Return the question as an inquiry. `options` are fields of `Inquiry`. Raises `InvalidInput`."""
        inquiry = to_inquiry(self._request, self._resources, self._scope, question, limit=limit, where=where)
        name = self._prompt_key or options.get("conversation_id") or question
        key = f"{self._scope.tenant}\n{name}"
        prompt = _choose_prompt(self._resources, self._prompt_version, key=key)
        return replace(inquiry, prompt=prompt, **options)

    def inquire_last(
        self, body: ModelRequest, messages: Sequence[ChatMessage], form: JsonFormat, sampling: Sampling
    ) -> Inquiry:
        """Return the last user message as an inquiry, with the messages before it as turns. Raises `InvalidInput`."""
        mode = to_mode(body.model, self.settings)
        schema = form.to_schema(mode)
        question, turns = to_conversation(messages)
        options = {"mode": mode, "schema": schema, "turns": turns, "sampling": sampling}
        return self.inquire(question, limit=body.limit, where=body.filter, is_streamed=bool(body.stream), **options)

    async def reply(self, inquiry: Inquiry, shape: Shape) -> Any:
        """Answer, and return the response in this shape."""
        request, resources = self._request, self._resources
        thread = None
        if inquiry.conversation_id:
            thread = await resources.conversations.recall(inquiry.scope, inquiry.conversation_id)
            inquiry = replace(inquiry, turns=thread.turns)
        events = resources.explanations.record(inquiry, resources.answerer.answer(inquiry))
        if thread:
            events = resources.conversations.record(inquiry.scope, thread, events)
        if not inquiry.is_streamed:
            return shape.to_document(await while_connected(request, _read_answer(events)))
        start_at = request.state.arrived + resources.settings.answering.stream_after_seconds
        begun = await while_connected(request, _begin(events, start_at))
        return EventStreamResponse(_to_stream(request, shape, begun), when_ended=begun.stop)


Asking = Annotated[_Asking, Depends()]


def to_inquiry(
    request: Request, resources: Resources, scope: Scope, question: str, *, limit: int | None, where: FilterRequest
) -> Inquiry:
    """Return a question as an inquiry. Raises `InvalidInput` if the question is too long."""
    # The middleware that counts requests reads it: a client that leaves before the first text may have given up.
    request.state.awaits_text = True
    settings = resources.settings
    if len(question) > settings.max_question_chars:
        raise InvalidInput(f"question: RAG_MAX_QUESTION_CHARS allows {settings.max_question_chars} characters.")
    return Inquiry(
        scope=scope,
        question=question,
        limit=limit or settings.retrieval.limit,
        where=where.to_chunk_filter(),
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


async def _read_answer(events: AsyncGenerator[Event]) -> Answer:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Answer):
                answer = event
    return answer


@dataclass(frozen=True, slots=True)
class _Begun:
    """The events of an answer of which the first ones are known, and the next one is awaited."""

    events: Sequence[Event]
    following: asyncio.Task[Event]
    rest: AsyncGenerator[Event]

    async def all(self) -> AsyncGenerator[Event]:
        """Yield all events. Afterwards `stop` must be called, also if they were not read to their end."""
        for event in self.events:
            yield event
        yield await self.following
        async for event in self.rest:
            yield event

    async def stop(self) -> None:
        """Close the events, which stops the generation at the model server."""
        self.following.cancel()
        # Events that wait inside a task cannot be closed.
        await asyncio.gather(self.following, return_exceptions=True)
        await self.rest.aclose()


async def _begin(events: AsyncGenerator[Event], start_at: float) -> _Begun:
    """Await the first event and the first text, but the text not beyond `start_at`.

    An error up to then is raised, and gets an HTTP status. A later one has to become an event of the stream.
    """
    begun = [await anext(events)]
    while True:
        so_far = _Begun(begun, asyncio.create_task(anext(events)), events)
        following = so_far.following
        try:
            await asyncio.wait({following}, timeout=max(0.0, start_at - time.perf_counter()))
            if following.done():
                following.result()
        except BaseException:
            await so_far.stop()
            raise
        if not following.done() or _has_text(following.result()):
            return so_far
        begun.append(following.result())


def _has_text(event: Event) -> bool:
    return isinstance(event, Token | Answer)


async def _to_stream(request: Request, shape: Shape, begun: _Begun) -> AsyncGenerator[str]:
    async with aclosing(begun.all()) as events:
        async for event in events:
            if _has_text(event):
                request.state.awaits_text = False
            for text in shape.to_events(event):
                yield text
