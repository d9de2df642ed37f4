"""Why an answer says what it says: kept for a while, so that asking is a look and not a guess."""

import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from rag.errors import NotFound
from rag.store.base import StoreReader
from rag.types import EmbedderIdentity, Scope
from service.answering.answerer import Event, Inquiry
from service.answering.drafts import Answer
from service.retrieval.retriever import nearness
from service.settings import ExplanationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPart:
    """A stretch of what the model read."""

    name: str
    characters: int
    tokens: int | None
    """Its share, by length, of the tokens that the model server counted; None where it did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An answer with everything that led to it."""

    answer: Answer
    embedder: EmbedderIdentity
    revision: str
    """Of the collection, when the answer was given."""
    nearness: float
    """What decided between answering and refusing (`service.retrieval.retriever.nearness`)."""

    @property
    def prompt_parts(self) -> Sequence[PromptPart]:
        """The system's message, the passages or quotes, and what else the user's message says."""
        if self.answer.sent_prompt is None:
            return ()
        prompt = self.answer.sent_prompt.prompt
        # A version of the prompt may leave them out.
        passages = min(self.answer.sent_prompt.passages, len(prompt.user))
        lengths = {"system": len(prompt.system), "passages": passages, "question": len(prompt.user) - passages}
        counted, whole = self.answer.usage, sum(lengths.values()) or 1
        return [
            PromptPart(
                name=name,
                characters=length,
                tokens=round(counted.prompt_tokens * length / whole) if counted else None,
            )
            for name, length in lengths.items()
        ]


class Explanations:
    """The latest answers of this process, by tenant; the oldest go first, and all go in time."""

    def __init__(self, settings: ExplanationSettings, embedder: EmbedderIdentity, store: StoreReader) -> None:
        self._settings = settings
        self._embedder = embedder
        self._store = store
        self._kept: OrderedDict[tuple[str, str], tuple[float, Explanation]] = OrderedDict()

    async def record(self, inquiry: Inquiry, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        """The same events; the answer among them can be explained from then on."""
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Answer):
                    self._keep(inquiry.scope, event)
                yield event

    def explain(self, scope: Scope, answer_id: str) -> Explanation:
        """Raises `NotFound` for an answer of somebody else too: whose it is, is nobody's business."""
        self._forget_old()
        if kept := self._kept.get((scope.tenant, answer_id)):
            return kept[1]
        raise NotFound(
            f"Nothing is kept about the answer {answer_id}. The process that gave an answer keeps the last "
            f"{self._settings.answers:,} for {self._settings.seconds:,} s (RAG_EXPLANATIONS__ANSWERS, …__SECONDS)."
        )

    def _keep(self, scope: Scope, answer: Answer) -> None:
        # As they were found: what the model reads may have its neighbours around it.
        found = [candidate.hit for candidate in answer.writing_input.candidates if candidate.reason == "taken"]
        near = nearness(answer.writing_input.question, found)
        explanation = Explanation(answer=answer, embedder=self._embedder, revision=self._store.revision, nearness=near)
        self._kept[scope.tenant, answer.id] = (time.monotonic(), explanation)
        self._forget_old()

    def _forget_old(self) -> None:
        oldest = time.monotonic() - self._settings.seconds
        while self._kept and (len(self._kept) > self._settings.answers or next(iter(self._kept.values()))[0] <= oldest):
            self._kept.popitem(last=False)
