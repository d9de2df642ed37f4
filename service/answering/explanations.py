"""Explanations of recent answers, kept in the memory of this process."""

import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from rag.errors import NotFound
from rag.store.base import StoreReader
from rag.types import EmbedderIdentity, Scope
from service.answering.drafts import Answer
from service.answering.events import Event, Inquiry
from service.answering.feedback import FeedbackLog
from service.retrieval.retriever import nearness
from service.settings import ExplanationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An answer with the versions and the relevance that led to it."""

    answer: Answer
    embedder: EmbedderIdentity
    revision: str
    """Revision of the collection at the time of the answer."""
    nearness: float
    """Relevance of the best passage, as `service.retrieval.retriever.nearness` computes it."""


class Explanations:
    """The latest answers of this process, by tenant. Their number and their age are bounded."""

    def __init__(
        self, settings: ExplanationSettings, embedder: EmbedderIdentity, store: StoreReader, feedback: FeedbackLog
    ) -> None:
        self._settings = settings
        self._embedder = embedder
        self._store = store
        self._feedback = feedback
        self._entries: OrderedDict[tuple[str, str], tuple[float, Explanation]] = OrderedDict()

    async def record(self, inquiry: Inquiry, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        """Pass the events through, and record the answer so that it can be explained and rated."""
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Answer):
                    self._add(inquiry.scope, event)
                    await self._feedback.remember(inquiry.scope, event, revision=self._store.revision)
                yield event

    def explain(self, scope: Scope, answer_id: str) -> Explanation:
        """Return the explanation. Raises `NotFound` also for another tenant's answer, to conceal that it exists."""
        self._remove_old()
        if entry := self._entries.get((scope.tenant, answer_id)):
            return entry[1]
        raise NotFound(
            f"The answer {answer_id} cannot be explained. Each process keeps its last {self._settings.answers:,} "
            f"answers for {self._settings.seconds:,} s. Raise RAG_EXPLANATIONS__ANSWERS or RAG_EXPLANATIONS__SECONDS."
        )

    def _add(self, scope: Scope, answer: Answer) -> None:
        # Not `hits`: these may be expanded by neighbours, but the decision was made on the passages as found.
        selected = [candidate.hit for candidate in answer.writing_input.candidates if candidate.reason == "taken"]
        relevance = nearness(answer.writing_input.searched, selected)
        entry = Explanation(answer=answer, embedder=self._embedder, revision=self._store.revision, nearness=relevance)
        self._entries[scope.tenant, answer.id] = (time.monotonic(), entry)
        self._remove_old()

    def _remove_old(self) -> None:
        oldest = time.monotonic() - self._settings.seconds
        while self._entries and (
            len(self._entries) > self._settings.answers or next(iter(self._entries.values()))[0] <= oldest
        ):
            self._entries.popitem(last=False)
