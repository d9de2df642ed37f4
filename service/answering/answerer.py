"""The use case: embed the question, retrieve passages, write an answer from them, cite them."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace

import structlog

from rag.errors import BadResponse
from rag.stages import StageTimer
from service.answering.declining import explain_decline
from service.answering.drafts import Answer, Draft, cite_all
from service.answering.events import Event, Inquiry, Sources, Token
from service.answering.searching import Searcher
from service.answering.traced import search_span, trace_answer
from service.drift.watching import DriftWatch
from service.judging.base import Subject
from service.judging.live import LiveJudge
from service.metrics import ANSWER_STAGES, ANSWERS_BY, TIME_TO_FIRST_TOKEN
from service.retrieval.retriever import Retriever
from service.settings import Mode
from service.writing.base import Piece, Writer, WritingInput
from service.writing.quote import Quoter

log = structlog.get_logger()

# Weight of the latest answer in the moving average of the time to the first text.
# A higher weight follows load faster, a lower one ignores single slow answers.
_WEIGHT = 0.3
# Enough for a reader to see that the documents are about something else, or to rephrase the question.
_NEAREST = 3


class Answerer:
    """Answers questions. It depends on ports only, not on HTTP, a database or a certain model."""

    def __init__(
        self,
        searcher: Searcher,
        retriever: Retriever,
        quoter: Quoter,
        writers: Mapping[Mode, Writer],
        default_mode: Mode,
        live_judge: LiveJudge,
        drift: DriftWatch,
        *,
        first_text_seconds: float,
    ) -> None:
        self._searcher = searcher
        self._retriever = retriever
        self._quoter = quoter
        self._writers = writers
        self._default_mode = default_mode
        self._first_text_seconds = first_text_seconds
        self._writing_seconds = dict.fromkeys(writers, 0.0)
        self._live_judge = live_judge
        self._drift = drift

    async def search(self, inquiry: Inquiry, timer: StageTimer) -> WritingInput:
        """Return the passages that an answer would be written from."""
        with search_span(inquiry.scope, inquiry.question):
            return await self._search(
                inquiry, timer, inquiry.mode or self._default_mode, until=timer.arrived + self._first_text_seconds
            )

    def answer(self, inquiry: Inquiry) -> AsyncGenerator[Event]:
        """Return the events of an answer. An error of the search is raised before the first event."""
        return trace_answer(inquiry.scope, inquiry.question, self._answer(inquiry))

    async def _answer(self, inquiry: Inquiry) -> AsyncGenerator[Event]:
        timer = ANSWER_STAGES.start(inquiry.arrived)
        mode = inquiry.mode or self._default_mode
        # The reranker must finish early enough for the writer to produce its first text in time.
        until = timer.arrived + self._first_text_seconds - self._writing_seconds[mode]
        writing_input = await self._search(inquiry, timer, mode, until=until)
        is_answerable = self._retriever.is_relevant(writing_input.searched, writing_input.hits)
        if is_answerable and mode == "generate":
            hits = await self._retriever.expand(inquiry.scope, writing_input.hits)
            writing_input = replace(writing_input, hits=hits)
        elif is_answerable:  # Neighbouring sentences would only be wrong quotes to pick.
            with timer.stage("quote"):
                writing_input = await self._quoter.pick(writing_input)
            is_answerable = bool(writing_input.quotes)
        write = self._write if is_answerable else self._decline
        events = write(writing_input, mode, timer)
        has_text = False
        async with aclosing(events):
            async for event in events:
                if not has_text and isinstance(event, Token if inquiry.is_streamed else Answer):
                    has_text = True
                    TIME_TO_FIRST_TOKEN.observe(timer.elapsed, timer.exemplar)
                yield event

    async def _search(self, inquiry: Inquiry, timer: StageTimer, mode: Mode, *, until: float) -> WritingInput:
        return await self._searcher.search(inquiry, timer, until=until, by_model=mode == "generate")

    async def _decline(self, writing_input: WritingInput, mode: Mode, timer: StageTimer) -> AsyncGenerator[Event]:
        nearest = cite_all(writing_input.hits[:_NEAREST])
        text = explain_decline(writing_input.searched, writing_input.hits)
        yield Sources(citations=nearest)
        yield Token(text=text)
        ANSWERS_BY["declined"].inc()
        self._drift.observe(writing_input.question, writing_input.vector, writing_input.hits, None, by_model=False)
        yield Answer(
            id=uuid.uuid4().hex,
            text=text,
            declined=True,
            nearest=nearest,
            timings=timer.timings(),
            mode=mode,
            writing_input=writing_input,
        )

    async def _write(self, writing_input: WritingInput, mode: Mode, timer: StageTimer) -> AsyncGenerator[Event]:
        writer = self._writers[mode]
        draft = Draft(writing_input)
        yield Sources(citations=draft.sources)
        began = timer.elapsed
        async with aclosing(writer.write(writing_input, timer)) as pieces:
            with draft.counting_failure(), timer.stage("first_token"):
                first = await _first_text(pieces, draft)
            self._update_writing_seconds(mode, timer.elapsed - began)
            yield Token(text=first)
            with draft.counting_failure(), timer.stage("generate"):
                async for piece in pieces:
                    draft.add(piece)
                    if isinstance(piece, str):
                        yield Token(text=piece)
        answer = draft.to_answer(writer.model, mode, timer)
        question, hits = writing_input.question, writing_input.hits
        subject = Subject(question=question, passages=[hit.chunk.text for hit in hits], answer=answer.text)
        self._live_judge.consider(subject, response_id=answer.id, prompt=answer.prompt)
        self._drift.observe(question, writing_input.vector, hits, answer.text, by_model=mode != "quote")
        yield answer

    def _update_writing_seconds(self, mode: Mode, seconds: float) -> None:
        average = self._writing_seconds[mode] or seconds
        self._writing_seconds[mode] = (1 - _WEIGHT) * average + _WEIGHT * seconds


async def _first_text(pieces: AsyncIterator[Piece], draft: Draft) -> str:
    """Return the first text that a reader can see. White space before it is dropped, as at the end of the answer."""
    async for piece in pieces:
        draft.add(piece)
        if isinstance(piece, str) and (text := piece.lstrip()):
            return text
    raise BadResponse("The model returned an empty answer. Ask again, or check the model server's log.")
