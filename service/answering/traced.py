"""Spans of the use cases: an answer, and a search without an answer."""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing
from typing import TypeVar

from opentelemetry.trace import Span

from rag.tracing import semconv
from rag.tracing.attributes import message
from rag.tracing.spans import Attributes, inside, is_traced, span, start
from rag.types import Scope
from service.agentic.research import AGENT_NAME
from service.answering.drafts import Answer

Event = TypeVar("Event")

_ANSWER = "rag.answer"
_SEARCH = "rag.search"


def trace_answer(scope: Scope, question: str, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    """Return the same events; the span of the answer lasts until the client has read the last one."""
    return _trace(scope, question, events) if is_traced() else events


def trace_agent(events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    """Return the same events, inside the span of the agent."""
    attributes = {semconv.OPERATION: semconv.INVOKE_AGENT, semconv.AGENT: AGENT_NAME}
    return inside(start(f"{semconv.INVOKE_AGENT} {AGENT_NAME}", attributes), events) if is_traced() else events


def search_span(scope: Scope, question: str) -> AbstractContextManager[Span]:
    """Open the span of a search without an answer."""
    return span(f"{semconv.WORKFLOWS} {_SEARCH}", _describe(_SEARCH, scope, question))


async def _trace(scope: Scope, question: str, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    workflow = start(f"{semconv.WORKFLOWS} {_ANSWER}", _describe(_ANSWER, scope, question))
    async with aclosing(inside(workflow, events)) as traced:
        async for event in traced:
            if isinstance(event, Answer):
                _conclude(workflow, event)
            yield event


def _describe(workflow: str, scope: Scope, question: str) -> Attributes:
    return {
        semconv.OPERATION: semconv.WORKFLOWS,
        semconv.WORKFLOW: workflow,
        semconv.TENANT: scope.tenant,
        **message(semconv.INPUT_MESSAGES, "user", question),
    }


def _conclude(workflow: Span, answer: Answer) -> None:
    workflow.set_attributes(
        {
            semconv.RESPONSE_ID: answer.id,
            semconv.MODE: answer.mode,
            semconv.DECLINED: answer.declined,
            semconv.UNSURE: answer.unsure,
            semconv.CITATIONS: len(answer.citations),
            **message(semconv.OUTPUT_MESSAGES, "assistant", answer.text),
        }
    )
    if answer.prompt:
        workflow.set_attribute(semconv.PROMPT_NAME, answer.prompt.name)
        workflow.set_attribute(semconv.PROMPT_VERSION, answer.prompt.version)
    if answer.reranking:
        workflow.set_attribute(semconv.EXTENT, answer.reranking)
