"""The first half of an agentic answer: plan, search, grade, and search again, until there is evidence or a bound."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from typing import Any, Literal

from rag.stages import StageTimer
from rag.tracing import semconv
from rag.tracing.spans import span
from rag.types import ScoredChunk
from service.agentic.asking import Asking, ModelFailed
from service.agentic.budget import Bound, BoundReached, Budget
from service.generation.base import Generator
from service.metrics import AGENT_STEPS
from service.prompting.base import PromptRegistry, PromptTemplate
from service.retrieval.retriever import Retriever
from service.sentences import content_stems
from service.writing.base import Step, StepName, WritingInput
from service.writing.generate import number_passages

Search = Callable[[str], Awaitable[WritingInput]]
"""The tool `search`: from a question to its passages, within the scope and the filter of the caller."""

AGENT_NAME = "answer"
TOOLS = frozenset({"search"})
"""The tools that a plan may name. The agent calls no other."""

_MAX_SEARCHES = 3
_MAX_CHARACTERS = 300  # A longer search is an answer, or a model that repeats itself.
# More passages would make a call of the model as long as the answer, and the fact is rarely further down.
_GRADED = 3
_GRADED_CHARACTERS = 1000
_KNOWN_CHARACTERS = 400

_TEXT = {"type": "string", "maxLength": _MAX_CHARACTERS}
_PLAN = {
    "type": "object",
    "properties": {"search": {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": _MAX_SEARCHES}},
    "required": ["search"],
    "additionalProperties": False,
}
_VERDICT = {
    "type": "object",
    "properties": {
        "passages": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": _GRADED},
    },
    "required": ["passages"],
    "additionalProperties": False,
}
_REWORDED = {
    "type": "object",
    "properties": {"search": _TEXT},
    "required": ["search"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPrompts:
    """The prompts of the mode agentic."""

    plan: PromptTemplate
    grade: PromptTemplate
    reword: PromptTemplate
    repair: PromptTemplate


async def load_agent_prompts(registry: PromptRegistry) -> AgentPrompts:
    """Load the versions that the mode was measured with."""
    names = ("plan", "grade", "reword", "repair")
    return AgentPrompts(**{name: (await registry.load(name))["v1"] for name in names})


@dataclass(slots=True)
class _Part:
    """A planned search with what it found."""

    question: str
    hits: list[ScoredChunk] = field(default_factory=list)
    """Passages of searches that were near enough."""
    evidence: list[ScoredChunk] = field(default_factory=list)
    """Passages that answer the question of this part."""


class Research:
    """The research for one answer. `gather` does the work; the other methods return its results."""

    def __init__(
        self,
        generator: Generator,
        retriever: Retriever,
        prompts: AgentPrompts,
        budget: Budget,
        search: Search,
        timer: StageTimer,
    ) -> None:
        self.asking = Asking(generator, budget)
        self.steps: list[Step] = []
        """The finished steps."""
        self.stopped_by: Bound | Literal["direct"] | None = None
        """The bound that ended the research, or `direct` if the model failed. None: it ended by itself."""
        self._retriever = retriever
        self._prompts = prompts
        self._budget = budget
        self._search = search
        self._timer = timer
        self._parts: list[_Part] = []
        self._count = 0

    async def gather(self, first: WritingInput) -> AsyncGenerator[Step]:
        """Yield the steps. `first` is the question with the passages that a direct answer would be written from."""
        try:
            async with aclosing(self._gather(first)) as steps:
                async for step in steps:
                    yield step
        except BoundReached as reached:
            self.stopped_by = reached.bound
            yield self.end(self.begin("stop", ""), f"Stopped searching: the limit of {reached.bound} is reached.")
        except ModelFailed:
            self.stopped_by = "direct"
            yield self.end(self.begin("stop", ""), "The model failed while planning. Answering directly.", failed=True)

    def passages(self, first: WritingInput) -> Sequence[ScoredChunk]:
        """Return the passages to write from: first those that answer, of each part in turn.

        They are empty if every part was searched and graded to its end, and no passage answers any.
        """
        evidence = _in_turn([part.evidence for part in self._parts])
        if not evidence and not self.stopped_by:
            return ()
        rest = _in_turn([part.hits for part in self._parts])
        direct = first.hits if self._retriever.is_relevant(first.searched, first.hits) else ()
        return list({hit.chunk.id: hit for hit in (*evidence, *rest, *direct)}.values())

    def begin(self, name: StepName, text: str) -> Step:
        """Return the start of a step."""
        self._count += 1
        return Step(number=self._count, name=name, status="started", text=text)

    def end(self, step: Step, text: str, *, failed: bool = False) -> Step:
        """Return the end of a step, and keep it for the answer."""
        ended = replace(step, status="failed" if failed else "done", text=text)
        AGENT_STEPS.labels(ended.name, ended.status).inc()
        self.steps.append(ended)
        return ended

    async def _gather(self, first: WritingInput) -> AsyncGenerator[Step]:
        self._budget.take_step()
        step = self.begin("plan", "Planning the searches…")
        yield step
        questions, text = await self._plan(first.searched)
        yield self.end(step, text)
        for question in questions:
            async with aclosing(self._work_on(question, first)) as steps:
                async for step in steps:
                    yield step

    async def _plan(self, question: str) -> tuple[list[str], str]:
        attributes = {semconv.OPERATION: semconv.PLAN, semconv.AGENT: AGENT_NAME}
        with self._timer.stage("plan", span_name=f"{semconv.PLAN} {AGENT_NAME}", attributes=attributes):
            plan = await self.asking.ask_json(self._prompts.plan.fill(question=question), _PLAN)
        refused = len(plan.keys() - TOOLS)
        note = f" {refused} other tools are not allowed." if refused else ""
        # Small models repeat the examples of the prompt, which have no word in common with the question.
        asked = content_stems(question)
        if questions := [text for text in _texts(plan.get("search")) if content_stems(text) & asked]:
            return questions, f"Planned: {' · '.join(questions)}{note}"
        return [question], f"The plan was not usable: searching for the question itself.{note}"

    async def _work_on(self, question: str, first: WritingInput) -> AsyncGenerator[Step]:
        """Search for one part, and once more in other words if the passages do not answer it."""
        part, query = _Part(question), question
        self._parts.append(part)
        for is_second in (False, True):
            if is_second:
                self._budget.take_step()
                step = self.begin("reword", "Looking for other words…")
                yield step
                query = await self._reword(first.searched, part)
                yield self.end(step, "Searching again in other words." if query else "No other words were found.")
                if not query:
                    return
            self._budget.take_step()
            # Words of a second search may come from passages, and are not shown.
            step = self.begin("search", "Searching again…" if is_second else f"Searching: {question}")
            yield step
            found = first if query == first.searched else await self._use_search(query)
            is_near = self._retriever.is_relevant(found.searched, found.hits)
            yield self.end(step, _describe(len(found.hits) if is_near else 0))
            if is_near:
                part.hits += found.hits
                self._budget.take_step()
                step = self.begin("grade", "Reading what was found…")
                yield step
                part.evidence, text = await self._grade(part.question, found.hits[:_GRADED])
                yield self.end(step, text)
            if part.evidence:
                return

    async def _use_search(self, query: str) -> WritingInput:
        attributes = {semconv.OPERATION: semconv.EXECUTE_TOOL, semconv.TOOL: "search"}
        with span(f"{semconv.EXECUTE_TOOL} search", attributes):
            return await self._search(query)

    async def _grade(self, question: str, hits: Sequence[ScoredChunk]) -> tuple[list[ScoredChunk], str]:
        prompt = self._prompts.grade.fill(passages=number_passages(hits, _GRADED_CHARACTERS), question=question)
        with self._timer.stage("grade"):
            verdict = (await self.asking.ask_json(prompt, _VERDICT)).get("passages")
        if not isinstance(verdict, list) or not all(isinstance(number, int) for number in verdict):
            # The measure by which direct answers are declined.
            near = [hit for hit in hits if self._retriever.is_relevant(question, [hit])]
            return near, f"The verdict was not usable: taking the {len(near)} nearest passages."
        evidence = [hit for number, hit in enumerate(hits, start=1) if number in verdict]
        if not evidence:
            return [], "None of the passages answers this."
        return evidence, f"{len(evidence)} of {len(hits)} passages help."

    async def _reword(self, question: str, part: _Part) -> str:
        known = chain.from_iterable(other.evidence[:1] for other in self._parts)
        prompt = self._prompts.reword.fill(
            question=question,
            query=part.question,
            known="\n".join(hit.chunk.passage[:_KNOWN_CHARACTERS] for hit in known) or "Nothing.",
        )
        with self._timer.stage("plan"):
            reworded = await self.asking.ask_json(prompt, _REWORDED)
        [query] = _texts([reworded.get("search")]) or [""]
        return "" if query == part.question else query


def _texts(value: Any) -> list[str]:
    """Return the usable searches among values that a model wrote, each once."""
    texts = [" ".join(text.split()) for text in value if isinstance(text, str)] if isinstance(value, list) else []
    return list(dict.fromkeys(text for text in texts if 0 < len(text) <= _MAX_CHARACTERS))[:_MAX_SEARCHES]


def _in_turn(lists: Sequence[Sequence[ScoredChunk]]) -> list[ScoredChunk]:
    """Return the first of each list, then the second of each, and so on."""
    return [hit for hits in zip_longest(*lists) for hit in hits if hit is not None]


def _describe(passages: int) -> str:
    match passages:
        case 0:
            return "Nothing near enough was found."
        case 1:
            return "Found 1 passage."
        case _:
            return f"Found {passages} passages."
