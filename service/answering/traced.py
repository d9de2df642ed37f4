"""Answering and retrieving as spans: the use cases themselves know nothing of traces."""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from opentelemetry.trace import Span

from rag.store.base import StoreReader
from rag.tracing import semconv
from rag.tracing.attributes import content, documents, message
from rag.tracing.spans import Attributes, inside, is_traced, span, start
from rag.types import EVERYTHING, ChunkFilter, Scope, ScoredChunk, Vector
from service.answering.answerer import Answerer, Event, Inquiry
from service.answering.drafts import Answer
from service.retrieval.reranking.budgeted import BudgetedReranker
from service.retrieval.retriever import RetrievalResult, Retriever
from service.settings import RetrievalSettings
from service.stopwatch import Stopwatch
from service.writing.base import WritingInput

_ANSWER = "rag.answer"
_SEARCH = "rag.search"


class TracedAnswerer(Answerer):
    """An answer is a workflow, from the first stage to the last piece of text that somebody takes."""

    def answer(self, inquiry: Inquiry) -> AsyncGenerator[Event]:
        events = super().answer(inquiry)
        return _watched(inquiry, events) if is_traced() else events

    async def search(self, inquiry: Inquiry, watch: Stopwatch) -> WritingInput:
        with span(f"{semconv.WORKFLOWS} {_SEARCH}", _describe(_SEARCH, inquiry)):
            return await super().search(inquiry, watch)


class TracedRetriever(Retriever):
    """A search with everything that follows it, reranking too, up to the passages that are used."""

    def __init__(
        self,
        store: StoreReader,
        settings: RetrievalSettings,
        reranker: BudgetedReranker | None = None,
        *,
        collection: str,
    ) -> None:
        super().__init__(store, settings, reranker)
        self._collection = collection

    async def retrieve(
        self,
        scope: Scope,
        question: str,
        vector: Vector,
        *,
        limit: int,
        watch: Stopwatch,
        where: ChunkFilter = EVERYTHING,
        until: float = math.inf,
    ) -> RetrievalResult:
        attributes: Attributes = {
            semconv.OPERATION: semconv.RETRIEVAL,
            semconv.DATA_SOURCE: self._collection,
            semconv.RETRIEVAL_TOP_K: limit,
        }
        with span(f"{semconv.RETRIEVAL} {self._collection}", attributes) as search:
            found = await super().retrieve(scope, question, vector, limit=limit, watch=watch, where=where, until=until)
            if search.is_recording():
                search.set_attributes(content(semconv.RETRIEVAL_QUERY, question))
                search.set_attributes(documents(semconv.RETRIEVAL_DOCUMENTS, found.hits))
            return found

    async def expand(self, scope: Scope, hits: Sequence[ScoredChunk]) -> list[ScoredChunk]:
        with span("expand"):
            return await super().expand(scope, hits)


async def _watched(inquiry: Inquiry, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    workflow = start(f"{semconv.WORKFLOWS} {_ANSWER}", _describe(_ANSWER, inquiry))
    async with aclosing(inside(workflow, events)) as passing:
        async for event in passing:
            if isinstance(event, Answer):
                _conclude(workflow, event)
            yield event


def _describe(workflow: str, inquiry: Inquiry) -> Attributes:
    return {
        semconv.OPERATION: semconv.WORKFLOWS,
        semconv.WORKFLOW: workflow,
        semconv.TENANT: inquiry.scope.tenant,
        **message(semconv.INPUT_MESSAGES, "user", inquiry.question),
    }


def _conclude(workflow: Span, answer: Answer) -> None:
    workflow.set_attributes(
        {
            semconv.RESPONSE_ID: answer.id,
            semconv.MODE: answer.mode,
            semconv.REFUSED: answer.refused,
            semconv.CITATIONS: len(answer.citations),
            **message(semconv.OUTPUT_MESSAGES, "assistant", answer.text),
        }
    )
    if answer.prompt:
        workflow.set_attribute(semconv.PROMPT_NAME, answer.prompt.name)
        workflow.set_attribute(semconv.PROMPT_VERSION, answer.prompt.version)
    if answer.reranking:
        workflow.set_attribute(semconv.EXTENT, answer.reranking)
