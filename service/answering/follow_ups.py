"""Follow-up questions, rewritten to stand alone: the search knows nothing of the conversation."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import accumulate

import structlog

from rag.errors import GroundworkError
from service.answering.carrying_over import carry_over, keeps_words
from service.generation.base import Generator, Retraction
from service.metrics import FOLLOW_UPS_BY
from service.prompting.base import PromptTemplate
from service.retrieval.expansion import CHARACTERS_PER_TOKEN
from service.writing.unsure import without_paragraph

log = structlog.get_logger()

# A rewritten question may name what several words stand for. More is an answer, or a model that repeats itself.
_MAX_ADDED_CHARACTERS = 400
# Older topics are rarely meant, and each turn repeats the words of the turn before.
_TURNS_FOR_WORDS = 5
# The beginning of an answer names its topic. Whole answers would leave no room for other turns.
_ANSWER_CHARACTERS = 600
_QUOTATION_MARKS = "\"'“”„«»` "


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An earlier question of a conversation with its answer, both as the user saw them."""

    question: str
    answer: str


class FollowUps:
    """Rewrites follow-up questions: by a capable model if there is one, otherwise by the words of the questions."""

    def __init__(
        self,
        generator: Generator | None,
        template: PromptTemplate,
        *,
        history_tokens: int,
        model_seconds: float,
    ) -> None:
        self._generator = generator if history_tokens else None
        self._template = template
        self._model_seconds = model_seconds
        self._history_characters = history_tokens * CHARACTERS_PER_TOKEN

    async def to_stand_alone(self, question: str, turns: Sequence[Turn], *, by_model: bool) -> str:
        """Return the question so that it can be understood without the turns, oldest first.

        With `by_model`, the model gets one bounded call. Its failure is never one of the answer. If a follow-up is
        known by its words, a line of the model that drops some of them asks something else, and is not used.
        """
        if not turns:
            return question
        by_words = _carry_over(question, turns)
        rewritten = await self._ask(self._generator, question, turns) if by_model and self._generator else None
        if rewritten is not None and by_words != question and not keeps_words(rewritten, question):
            FOLLOW_UPS_BY["rejected"].inc()
            rewritten = None
        if rewritten is None:
            rewritten, way = by_words, "words"
        else:
            # Small models repeat a question that does not stand alone.
            rewritten, way = _carry_over(rewritten, turns), "model"
        FOLLOW_UPS_BY["unchanged" if rewritten == question else way].inc()
        return rewritten

    async def _ask(self, generator: Generator, question: str, turns: Sequence[Turn]) -> str | None:
        """Return the first line that the model writes, or None if it is not usable."""
        prompt = self._template.fill(history=self._to_history(turns), question=question)
        text = ""
        try:
            async with asyncio.timeout(self._model_seconds), aclosing(generator.generate(prompt)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Retraction):
                        text = ""
                    elif isinstance(piece, str):
                        text += piece
                    if "\n" in text.strip() or len(text) > len(question) + _MAX_ADDED_CHARACTERS:
                        break  # Closing the pieces stops the model.
        except (GroundworkError, TimeoutError) as error:
            FOLLOW_UPS_BY["failed"].inc()
            log.warning("follow_up_not_rewritten", reason=str(error) or "The model did not answer in time.")
            return None
        line = text.strip().partition("\n")[0].strip(_QUOTATION_MARKS)
        return line if 0 < len(line) <= len(question) + _MAX_ADDED_CHARACTERS else None

    def _to_history(self, turns: Sequence[Turn]) -> str:
        """Return the latest turns that fit into the budget, the last one in any case."""
        texts = [_to_text(turn) for turn in reversed(turns)]
        lengths = accumulate(map(len, texts))
        fitting = [text for text, length in zip(texts, lengths, strict=True) if length <= self._history_characters]
        return "\n\n".join(reversed(fitting or [texts[0][: self._history_characters]]))


def _to_text(turn: Turn) -> str:
    return f"Question: {turn.question}\nAnswer: {without_paragraph(turn.answer)[:_ANSWER_CHARACTERS]}"


def _carry_over(question: str, turns: Sequence[Turn]) -> str:
    earlier = ""
    for turn in turns[-_TURNS_FOR_WORDS:]:
        earlier = carry_over(turn.question, earlier)
    return carry_over(question, earlier)
