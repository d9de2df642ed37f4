"""From a question to the passages that its answer is written from."""

from dataclasses import replace

from rag.embedding.base import Embedder
from rag.stages import StageTimer
from rag.types import Vector
from service.answering.events import Inquiry
from service.answering.follow_ups import FollowUps
from service.retrieval.evidence import by_evidence
from service.retrieval.retriever import Retriever, nearness
from service.writing.base import WritingInput


class Searcher:
    """Makes a question stand alone, embeds it, and retrieves its passages."""

    def __init__(self, embedder: Embedder, retriever: Retriever, follow_ups: FollowUps) -> None:
        self._embedder = embedder
        self._retriever = retriever
        self._follow_ups = follow_ups

    async def search(self, inquiry: Inquiry, timer: StageTimer, *, until: float, by_model: bool) -> WritingInput:
        """Return the passages. Reranking ends by `until`. With `by_model`, a model may rewrite a follow-up."""
        question = inquiry.question
        if inquiry.turns:
            with timer.stage("rewrite"):
                question = await self._follow_ups.to_stand_alone(question, inquiry.turns, by_model=by_model)
        with timer.stage("embed"):
            vector = await self._embedder.embed_query(question)
        found = await self._retrieve(inquiry, question, vector, timer, until=until)
        corrected = await self._retriever.correct(inquiry.scope, question, vector, found, where=inquiry.where)
        if not corrected:
            return found
        with timer.stage("embed"):
            vector = await self._embedder.embed_query(corrected)
        again = await self._retrieve(inquiry, corrected, vector, timer, until=until)
        # Correcting a word that was right makes the passages fit worse.
        if nearness(corrected, again.hits) <= nearness(question, found.hits):
            return found
        return replace(again, question=question, corrected=corrected)

    def in_reading_order(self, found: WritingInput, *, limit: int) -> WritingInput:
        """Return the passages for a reader who begins with the first: those with a good quote come earlier.

        A reranker has read the passages already, so its order stands.
        """
        if found.reranking is not None:
            return found
        hits = by_evidence(found.searched, [candidate.hit for candidate in found.candidates])
        selected = self._retriever.select(hits, limit=limit)
        return replace(found, hits=selected.hits, candidates=selected.candidates)

    async def _retrieve(
        self, inquiry: Inquiry, question: str, vector: Vector, timer: StageTimer, *, until: float
    ) -> WritingInput:
        retrieved = await self._retriever.retrieve(
            inquiry.scope, question, vector, limit=inquiry.limit, timer=timer, where=inquiry.where, until=until
        )
        return WritingInput(
            question=question,
            asked=inquiry.question,
            vector=vector,
            hits=retrieved.hits,
            candidates=retrieved.candidates,
            reranking=retrieved.reranking,
            prompt=inquiry.prompt,
            sampling=inquiry.sampling,
            schema=inquiry.schema,
        )
