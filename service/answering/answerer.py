"""The use case: embed the question, retrieve passages, write an answer from them, cite them."""

import math
import uuid
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import asdict, replace
from functools import partial

import structlog

from rag.errors import BadResponse
from rag.stages import StageTimer
from rag.types import Scope
from service.agentic.agent import Agent, AgentRun
from service.answering.declining import explain_decline
from service.answering.drafts import Answer, Draft, cite_all
from service.answering.events import Event, Inquiry, Sources, Token
from service.answering.searching import Searcher
from service.answering.traced import search_span, trace_agent, trace_answer
from service.drift.watching import DriftWatch
from service.judging.base import Subject
from service.judging.live import LiveJudge
from service.metrics import ANSWER_STAGES, ANSWERS_BY, TIME_TO_FIRST_TOKEN
from service.retrieval.retriever import Retriever
from service.settings import Mode
from service.writing.base import Step, Writer, WritingInput
from service.writing.quote import Quoter
from service.writing.unsure import without_paragraph

log = structlog.get_logger()

# Weight of the latest answer in the moving average of the time to the first text.
# A higher weight follows load faster, a lower one ignores single slow answers.
_WEIGHT = 0.3
# Enough for a reader to see that the documents are about something else, or to rephrase the question.
_NEAREST = 3
_BY_MODEL = ("generate", "agentic")
"""The modes in which a capable model may also rewrite a follow-up."""


class Answerer:
    """Answers questions. It depends on ports only, not on HTTP, a database or a certain model."""

    def __init__(
        self,
        *,
        searcher: Searcher,
        retriever: Retriever,
        quoter: Quoter,
        writers: Mapping[Mode, Writer],
        agent: Agent,
        default_mode: Mode,
        first_text_seconds: float,
        live_judge: LiveJudge,
        drift: DriftWatch,
    ) -> None:
        self._searcher = searcher
        self._retriever = retriever
        self._quoter = quoter
        self._writers = writers
        self._agent = agent
        self._default_mode = default_mode
        self._first_text_seconds = first_text_seconds
        self._writing_seconds = dict.fromkeys(writers, 0.0)
        self._live_judge = live_judge
        self._drift = drift

    async def search(self, inquiry: Inquiry, timer: StageTimer) -> WritingInput:
        """Return the passages that a search for the question finds, in reading order (ADR 74)."""
        with search_span(inquiry.scope, inquiry.question):
            until = timer.arrived + self._first_text_seconds
            found = await self._search(inquiry, timer, inquiry.mode or self._default_mode, until=until)
            with timer.stage("search"):
                return self._searcher.in_reading_order(found, limit=inquiry.limit)

    def answer(self, inquiry: Inquiry) -> AsyncGenerator[Event]:
        """Return the events of an answer. An error of the search is raised before the first event."""
        return trace_answer(inquiry.scope, inquiry.question, self._answer(inquiry))

    async def _answer(self, inquiry: Inquiry) -> AsyncGenerator[Event]:
        timer = ANSWER_STAGES.start(inquiry.arrived)
        mode = inquiry.mode or self._default_mode
        if mode == "agentic":
            events = trace_agent(self._answer_in_steps(inquiry, timer))
        else:
            events = self._answer_directly(inquiry, mode, timer)
        # Agentic answers search several times. If they were timed, they would use up the latency objective.
        has_text = mode == "agentic"
        async with aclosing(events):
            async for event in events:
                if not has_text and isinstance(event, Token if inquiry.is_streamed else Answer):
                    has_text = True
                    TIME_TO_FIRST_TOKEN.observe(timer.elapsed, timer.exemplar)
                yield event

    async def _answer_directly(self, inquiry: Inquiry, mode: Mode, timer: StageTimer) -> AsyncGenerator[Event]:
        # The reranker must finish early enough for the writer to produce its first text in time.
        until = timer.arrived + self._first_text_seconds - self._writing_seconds[mode]
        writing_input = await self._search(inquiry, timer, mode, until=until)
        is_answerable = self._retriever.is_relevant(writing_input.searched, writing_input.hits)
        if is_answerable and mode == "generate":
            hits = await self._retriever.expand(inquiry.scope, writing_input.hits)
            writing_input = replace(writing_input, hits=hits)
        elif is_answerable:  # Not expanded: neighbouring sentences would only add wrong candidates for a quote.
            with timer.stage("quote"):
                continued = partial(self._retriever.continued, inquiry.scope)
                writing_input = await self._quoter.pick(writing_input, continued)
            is_answerable = bool(writing_input.quotes)
        if is_answerable:
            events = self._write(writing_input, self._writers[mode], mode, timer)
        else:
            events = self._decline(inquiry.scope, writing_input, mode, timer)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Answer):
                    self._observe(event, writing_input, by_model=mode != "quote")
                yield event

    async def _answer_in_steps(self, inquiry: Inquiry, timer: StageTimer) -> AsyncGenerator[Event]:
        def search(question: str) -> Awaitable[WritingInput]:
            # Planning takes longer than reranking, so a time limit for the reranker would save little.
            part = replace(inquiry, question=question, turns=())
            return self._searcher.search(part, timer, until=math.inf, by_model=False)

        first = await self._search(inquiry, timer, "agentic", until=math.inf)
        run = self._agent.start(search, timer)
        try:
            async with aclosing(self._research_and_write(run, first, inquiry, timer)) as events:
                async for event in events:
                    if isinstance(event, Answer):
                        # Drift compares a question with the passages of its own search, not with those of the plan.
                        self._observe(event, first, by_model=False)
                        yield replace(event, steps=run.steps, usage=run.usage_with(event.usage))
                    else:
                        yield event
        except Exception:  # Any error means that the answer failed.
            run.end = "failed"
            raise
        finally:
            run.conclude()

    async def _research_and_write(
        self, run: AgentRun, first: WritingInput, inquiry: Inquiry, timer: StageTimer
    ) -> AsyncGenerator[Event]:
        async with aclosing(run.gather(first)) as steps:
            async for step in steps:
                yield step
        if passages := run.passages(first):
            found = self._retriever.select(passages, limit=inquiry.limit)
            hits = await self._retriever.expand(inquiry.scope, found.hits)
            writing_input = replace(first, hits=hits, candidates=found.candidates)
            events = self._write(writing_input, run, "agentic", timer)
        else:
            events = self._decline(inquiry.scope, first, "agentic", timer)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _search(self, inquiry: Inquiry, timer: StageTimer, mode: Mode, *, until: float) -> WritingInput:
        return await self._searcher.search(inquiry, timer, until=until, by_model=mode in _BY_MODEL)

    async def _decline(
        self, scope: Scope, writing_input: WritingInput, mode: Mode, timer: StageTimer
    ) -> AsyncGenerator[Event]:
        hits = writing_input.hits
        nearest = cite_all(hits[:_NEAREST])
        has_documents = bool(hits) or await self._retriever.has_documents(scope)
        text = explain_decline(writing_input.searched, hits, has_documents=has_documents)
        yield Sources(citations=nearest)
        yield Token(text=text)
        ANSWERS_BY["declined"].inc()
        yield Answer(
            id=uuid.uuid4().hex,
            text=text,
            declined=True,
            nearest=nearest,
            timings=timer.timings(),
            mode=mode,
            writing_input=writing_input,
        )

    async def _write(
        self, writing_input: WritingInput, writer: Writer, mode: Mode, timer: StageTimer
    ) -> AsyncGenerator[Event]:
        draft = Draft(writing_input)
        yield Sources(citations=draft.sources)
        began = timer.elapsed
        async with aclosing(writer.write(writing_input, timer)) as pieces:
            with draft.counting_failure(), timer.stage("first_token"):
                async for piece in pieces:
                    draft.add(piece)
                    if isinstance(piece, Step):
                        yield piece
                    # White space before the first text that a reader can see is dropped, as at the end of the answer.
                    elif isinstance(piece, str) and (first := piece.lstrip()):
                        break
                else:
                    raise BadResponse("The model returned an empty answer. Ask again, or check the model server's log.")
            self._update_writing_seconds(mode, timer.elapsed - began)
            yield Token(text=first)
            with draft.counting_failure(), timer.stage("generate"):
                async for piece in pieces:
                    draft.add(piece)
                    if isinstance(piece, str):
                        yield Token(text=piece)
                    elif isinstance(piece, Step):
                        yield piece
        answer = draft.to_answer(writer.model, mode, timer)
        if not answer.declined:
            passages = [hit.chunk.text for hit in writing_input.hits]
            subject = Subject(question=writing_input.question, passages=passages, answer=without_paragraph(answer.text))
            self._live_judge.consider(subject, response_id=answer.id, prompt=answer.prompt)
        yield answer

    def _observe(self, answer: Answer, found: WritingInput, *, by_model: bool) -> None:
        log.info(
            "question_answered",
            answer=answer.id,
            mode=answer.mode,
            declined=answer.declined,
            unsure=answer.unsure,
            citations=len(answer.citations),
            finish_reason=answer.finish_reason,
            prompt=asdict(answer.sent_prompt.version) if answer.sent_prompt else None,
        )
        text = None if answer.declined else without_paragraph(answer.text)
        self._drift.observe(found.question, found.vector, found.hits, text, by_model=by_model)

    def _update_writing_seconds(self, mode: Mode, seconds: float) -> None:
        average = self._writing_seconds.get(mode) or seconds
        self._writing_seconds[mode] = (1 - _WEIGHT) * average + _WEIGHT * seconds
