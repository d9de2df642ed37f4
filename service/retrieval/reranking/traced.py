"""Reranking as a span, where it belongs to a trace."""

from collections.abc import Sequence

from rag.tracing import semconv
from rag.tracing.attributes import content, documents
from rag.tracing.spans import Attributes, span
from rag.types import ScoredChunk
from service.retrieval.reranking.budgeted import BudgetedReranker, Reranked


class TracedReranker(BudgetedReranker):
    """One span for all batches of a question."""

    async def rerank(self, question: str, hits: Sequence[ScoredChunk], *, seconds: float) -> Reranked:
        attributes: Attributes = {
            semconv.OPERATION: semconv.RERANK,
            semconv.REQUEST_MODEL: self.model,
            semconv.RETRIEVAL_TOP_K: min(self.candidates, len(hits)),
        }
        with span(f"{semconv.RERANK} {self.model}", attributes) as call:
            reranked = await super().rerank(question, hits, seconds=seconds)
            if call.is_recording():
                call.set_attribute(semconv.EXTENT, reranked.extent)
                call.set_attributes(content(semconv.RETRIEVAL_QUERY, question))
                call.set_attributes(documents(semconv.RERANKED_DOCUMENTS, reranked.hits))
            return reranked
