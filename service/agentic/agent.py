"""The agent: researches a question, then writes an answer whose every sentence is supported."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Literal

from rag.errors import BadResponse, Unavailable
from rag.stages import StageTimer
from rag.tracing import semconv
from rag.tracing.spans import annotate
from rag.types import ScoredChunk
from service.agentic.budget import Budget
from service.agentic.research import AgentPrompts, Research, Search
from service.generation.base import Generator, Usage
from service.grounding.checking import Grounding
from service.metrics import AGENT_ANSWERS_BY
from service.prompting.base import PromptTemplate
from service.retrieval.retriever import Retriever
from service.settings import AgentSettings
from service.writing.base import Declined, Groundedness, Piece, Step, StepName, Writer, WritingInput
from service.writing.generate import GenerateWriter
from service.writing.grounded import NOTHING_SUPPORTED, WithholdingWriter

End = Literal[
    "answered", "no_evidence", "declined", "withheld", "steps", "tokens", "seconds", "direct", "failed", "left"
]
"""Why the work on an answer ended.

answered      each part of the question was searched, and the answer is supported
no_evidence   no passage answers any part
declined      the model said that the passages do not answer
withheld      no sentence was supported, also of the second attempt
steps, tokens, seconds   the bound that ended the searches; an answer was written from what was found
direct        the model failed while planning or grading; an answer was written as in the mode generate
failed        an error
left          the client left
"""


class Agent:
    """Answers in steps. It depends on ports only."""

    def __init__(
        self,
        generator: Generator,
        answer: PromptTemplate,
        retriever: Retriever,
        grounding: Grounding,
        prompts: AgentPrompts,
        settings: AgentSettings,
    ) -> None:
        self._generator = generator
        self._writer = WithholdingWriter(GenerateWriter(generator, answer), grounding)
        self._repairer = WithholdingWriter(GenerateWriter(generator, prompts.repair), grounding)
        self._retriever = retriever
        self._prompts = prompts
        self._settings = settings

    def start(self, search: Search, timer: StageTimer) -> "AgentRun":
        """Start the work on one answer."""
        budget = Budget(self._settings)
        research = Research(self._generator, self._retriever, self._prompts, budget, search, timer)
        return AgentRun(research, budget, self._writer, self._repairer)


class AgentRun:
    """The work on one answer, and the writer of its text."""

    def __init__(self, research: Research, budget: Budget, writer: Writer, repairer: Writer) -> None:
        self.model = writer.model
        self.end: End = "left"
        self._research = research
        self._budget = budget
        self._writer = writer
        self._repairer = repairer
        self._report = Groundedness(supported=0)

    @property
    def steps(self) -> Sequence[Step]:
        """The finished steps."""
        return self._research.steps

    def usage_with(self, written: Usage | None) -> Usage | None:
        """Return the tokens of all calls. None if the server does not report them."""
        return self._research.asking.usage_with(written)

    def conclude(self) -> None:
        """Count why the work ended."""
        AGENT_ANSWERS_BY[self.end].inc()

    def gather(self, first: WritingInput) -> AsyncGenerator[Step]:
        """Yield the steps until the passages are found. `first`: what a direct answer would be written from."""
        return self._research.gather(first)

    def passages(self, first: WritingInput) -> Sequence[ScoredChunk]:
        """Return the passages to write from, the best first. Empty: there is no evidence."""
        passages = self._research.passages(first)
        if not passages:
            self._close("no_evidence")
        return passages

    async def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        """Yield the supported sentences as they are written, and the steps.

        If no sentence is supported, the model writes once more, and then the answer is withheld.
        """
        async with aclosing(self._attempts(writing_input, timer)) as pieces:
            async for piece in pieces:
                yield piece
        yield self._report
        if self._report.is_empty:
            self._close("withheld")
            yield NOTHING_SUPPORTED
        elif not self._report.supported:  # It has only said that there is no answer.
            self._close("declined")
            yield Declined()
        else:
            self._close(self._research.stopped_by or "answered")

    async def _attempts(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        writing = self._writer.write(writing_input, timer)
        async with aclosing(self._attempt("write", "Writing the answer…", writing)) as pieces:
            async for piece in pieces:
                yield piece
        if not (self._report.is_empty and self._budget.has_room):
            return
        repair = self._repairer.write(replace(writing_input, prompt=None), timer)
        try:
            async with aclosing(self._attempt("repair", "Writing it again in other words…", repair)) as pieces:
                async for piece in pieces:
                    yield piece
        except (Unavailable, BadResponse):
            yield self._research.end(self._research.begin("stop", ""), "The model failed.", failed=True)

    async def _attempt(self, name: StepName, text: str, writing: AsyncGenerator[Piece]) -> AsyncGenerator[Piece]:
        """Yield what a writer writes, without its sentence that nothing is supported, and keep its report."""
        step = self._research.begin(name, text)
        yield step
        async with aclosing(writing) as pieces:
            async for piece in pieces:
                if isinstance(piece, Groundedness):
                    self._report = piece
                elif piece != NOTHING_SUPPORTED:
                    yield piece
        yield self._research.end(step, "Wrote an answer.")
        verify = self._research.begin("verify", "")
        yield self._research.end(verify, _describe(self._report), failed=self._report.is_empty)

    def _close(self, end: End) -> None:
        self.end = end
        annotate({semconv.AGENT_END: end})


def _describe(report: Groundedness) -> str:
    match report:
        case Groundedness(supported=0, withheld=0):
            return "The passages do not answer the question."
        case Groundedness(supported=0):
            return "No sentence is supported by its source."
        case Groundedness(withheld=0):
            return "Each sentence is supported by its source."
        case Groundedness(withheld=1):
            return "1 sentence was left out, because its source does not support it."
        case _:
            return f"{report.withheld} sentences were left out, because their sources do not support them."
