"""The agent with a scripted model and a scripted search: plans, second searches, bounds, and what is withheld."""

import asyncio
import json
from contextlib import aclosing

import numpy as np
import pytest

from rag.errors import InvalidInput, Unavailable
from service.agentic.agent import Agent
from service.agentic.research import load_agent_prompts
from service.generation.absent import AbsentGenerator
from service.generation.base import Usage
from service.grounding.checking import Grounding
from service.metrics import ANSWER_STAGES
from service.prompting.folder import PACKAGED, FolderPrompts
from service.retrieval.retriever import Retriever
from service.settings import AgentSettings, RetrievalSettings
from service.writing.base import CitedPassage, Declined, Step, WritingInput
from service.writing.grounded import NOTHING_SUPPORTED
from tests.support.fakes.scripted_generator import ScriptedGenerator
from tests.support.fakes.word_embedder import WordEmbedder
from tests.support.passages import hit, texts

QUESTION = "Is the bridge older than the mill?"
BRIDGE, MILL = "When was the bridge opened?", "When was the mill built?"
PLAN = json.dumps({"search": [BRIDGE, MILL]})
YES, NO = '{"passages": [1]}', '{"passages": []}'
BRIDGE_HIT = hit("The bridge was opened in 1932.", document="bridge")
MILL_HIT = hit("The mill was built in 1820.", document="mill")
OTHER_HIT = hit("The ferry has run since 1900.", document="ferry")
ANSWER = "The mill was built in 1820 [2]. The bridge was opened in 1932 [1]."
FOUND = {QUESTION: [OTHER_HIT], BRIDGE: [BRIDGE_HIT], MILL: [MILL_HIT]}


def found_for(question: str, hits) -> WritingInput:
    return WritingInput(question=question, vector=np.zeros(1, np.float32), hits=hits)


class Case:
    """One answer: its model, its searches, and what came of it."""

    def __init__(self, agent: Agent, hits) -> None:
        self.searched: list[str] = []
        self._hits = hits
        self.run = agent.start(self._search, ANSWER_STAGES.start())
        self.first = found_for(QUESTION, hits.get(QUESTION, []))

    async def _search(self, question: str) -> WritingInput:
        self.searched.append(question)
        return found_for(question, self._hits.get(question, []))

    async def gather(self) -> list[Step]:
        return [step async for step in self.run.gather(self.first)]

    async def answer(self) -> tuple[str, list]:
        """Return the text, and the reports of the writer without those of steps."""
        await self.gather()
        passages = self.run.passages(self.first)
        if not passages:
            return "", []
        written = self.run.write(found_for(QUESTION, passages), ANSWER_STAGES.start())
        pieces = [piece async for piece in written]
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        return text, [piece for piece in pieces if isinstance(piece, CitedPassage | Declined)]

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(step.name, step.status) for step in self.run.steps]


async def case(generator, hits=FOUND, **bounds) -> Case:
    registry = FolderPrompts(PACKAGED)
    answer = (await registry.load("answer"))["v1"]
    retriever = Retriever(None, RetrievalSettings())  # The search is scripted.
    prompts = await load_agent_prompts(registry)
    grounding = Grounding(WordEmbedder())
    return Case(Agent(generator, answer, retriever, grounding, prompts, AgentSettings(**bounds)), hits)


def scripted(*, plan=(PLAN,), grade=(YES,), reword=("{}",), answer=(ANSWER,), repair=(), usage=None):
    return ScriptedGenerator(
        {"plan": plan, "grade": grade, "reword": reword, "answer": answer, "repair": repair}, usage=usage
    )


async def test_each_part_is_searched_and_the_answer_cites_a_passage_of_each():
    model = scripted()
    asked = await case(model)
    text, reports = await asked.answer()
    assert asked.searched == [BRIDGE, MILL]
    assert text == ANSWER
    assert reports == [CitedPassage(number=1), CitedPassage(number=2)]
    assert model.calls == ["plan", "grade", "grade", "answer"]
    assert asked.run.end == "answered"
    searching = [("search", "done"), ("grade", "done")]
    assert asked.said == [("plan", "done"), *searching, *searching, ("write", "done"), ("verify", "done")]


async def test_a_step_is_announced_before_it_is_done_and_shows_nothing_of_a_document():
    asked = await case(scripted())
    steps = await asked.gather()
    assert [(step.number, step.status) for step in steps] == [(n, s) for n in range(1, 6) for s in ("started", "done")]
    assert steps[1].text == f"Planned: {BRIDGE} · {MILL}"
    assert not any(year in step.text for step in steps for year in ("1932", "1820"))


@pytest.mark.parametrize(
    "plan",
    [
        "I would search for the bridge.",
        '{"search": []}',
        '{"search": "bridge"}',
        '{"search": [7, ""]}',
        '{"search": ["' + "x" * 400 + '"]}',
        '{"delete": ["everything"]}',
        '{"search": ["How much does a day ticket cost?"]}',
        "[1]",
        '{"search": [',
    ],
)
async def test_a_plan_that_is_not_usable_is_replaced_by_the_question(plan):
    asked = await case(scripted(plan=[plan]))
    await asked.gather()
    assert asked.searched == []  # The question itself was searched before the plan.
    assert asked.run.steps[0].text.startswith("The plan was not usable")
    assert texts(asked.run.passages(asked.first)) == ["The ferry has run since 1900."]


@pytest.mark.parametrize(
    ("plan", "searched", "said"),
    [
        (
            '{"search": ["a bridge", "a bridge", "a mill", "old mill", "a road"]}',
            ["a bridge", "a mill", "old mill"],
            "",
        ),
        ('Sure:\n```json\n{"search": ["a bridge"]}\n```', ["a bridge"], ""),
        ('{"search": ["a bridge"], "delete": ["a mill"]}', ["a bridge"], " 1 other tools are not allowed."),
    ],
)
async def test_a_plan_is_read_tolerantly_and_names_at_most_three_searches(plan, searched, said):
    asked = await case(scripted(plan=[plan]), {each: [BRIDGE_HIT] for each in searched})
    await asked.gather()
    assert asked.searched == searched
    assert asked.run.steps[0].text == f"Planned: {' · '.join(searched)}{said}"


async def test_a_failed_search_is_reworded_once_with_the_passages_found_so_far():
    again = "mill of 1820"
    model = scripted(grade=[YES, NO, YES], reword=[json.dumps({"search": again})])
    asked = await case(model, FOUND | {MILL: [OTHER_HIT], again: [MILL_HIT]})
    await asked.gather()
    assert asked.searched == [BRIDGE, MILL, again]
    [rewording] = [prompt.user for prompt in model.prompts if prompt.name == "reword"]
    assert BRIDGE_HIT.chunk.text in rewording
    assert texts(asked.run.passages(asked.first))[:2] == [BRIDGE_HIT.chunk.text, MILL_HIT.chunk.text]
    assert not any(again in step.text for step in asked.run.steps)


async def test_a_part_is_searched_at_most_twice():
    model = scripted(plan=[json.dumps({"search": [MILL]})], grade=[NO], reword=['{"search": "old mill"}'])
    asked = await case(model, {MILL: [OTHER_HIT], "old mill": [OTHER_HIT]})
    assert await asked.answer() == ("", [])
    assert asked.searched == [MILL, "old mill"]
    assert asked.run.end == "no_evidence"


async def test_without_near_passages_no_verdict_is_asked_and_there_is_no_evidence():
    model = scripted(reword=['{"search": "another"}'])
    far = hit("The ferry has run since 1900.", similarity=-0.5)
    asked = await case(model, {QUESTION: [far], BRIDGE: [far], MILL: []}, steps=50)
    assert await asked.answer() == ("", [])
    assert model.calls == ["plan", "reword", "reword"]
    assert asked.run.end == "no_evidence"


async def test_a_verdict_that_is_not_usable_is_replaced_by_the_measure_of_relevance():
    far = hit("The ferry has run since 1900.", similarity=-0.5)
    asked = await case(scripted(grade=["Both of them."]), FOUND | {BRIDGE: [BRIDGE_HIT, far]})
    await asked.gather()
    assert texts(asked.run.passages(asked.first))[:2] == [BRIDGE_HIT.chunk.text, MILL_HIT.chunk.text]
    assert "taking the 1 nearest" in asked.run.steps[2].text


@pytest.mark.parametrize(
    ("bounds", "end", "calls"),
    [
        ({"steps": 1}, "steps", ["plan"]),
        ({"steps": 3}, "steps", ["plan", "grade"]),
        ({"tokens": 0}, "tokens", []),
        ({"tokens": 700}, "tokens", ["plan"]),
        ({"seconds": 1e-9}, "seconds", []),
    ],
)
async def test_at_a_bound_the_answer_is_written_from_what_was_found(bounds, end, calls):
    model = scripted(answer=["The ferry has run since 1900 [1]."], usage=Usage(prompt_tokens=400, completion_tokens=20))
    asked = await case(model, {question: [OTHER_HIT] for question in (QUESTION, BRIDGE, MILL)}, **bounds)
    text, _ = await asked.answer()
    assert text == "The ferry has run since 1900 [1]."
    assert model.calls == [*calls, "answer"]
    assert asked.run.end == end
    assert ("stop", "done") in asked.said


@pytest.mark.parametrize("failure", [Unavailable("down"), None])
@pytest.mark.parametrize("place", ["plan", "grade"])
async def test_a_model_that_fails_while_it_plans_or_grades_makes_the_answer_direct(place, failure):
    model = scripted(**{place: [failure]}, answer=["The ferry has run since 1900 [1]."])
    asked = await case(model, {question: [OTHER_HIT] for question in (QUESTION, BRIDGE, MILL)}, seconds=4.5)
    text, _ = await asked.answer()
    assert text == "The ferry has run since 1900 [1]."
    assert asked.run.end == "direct"
    assert ("stop", "failed") in asked.said


async def test_without_a_model_the_error_says_so():
    asked = await case(AbsentGenerator())
    with pytest.raises(InvalidInput, match="no language model"):
        await asked.gather()


async def test_an_unsupported_sentence_is_left_out_with_its_citation():
    model = scripted(answer=["The mill was built in 1820 [2]. The king sold the bridge to a trader [1]."])
    asked = await case(model)
    assert await asked.answer() == ("The mill was built in 1820 [2].", [CitedPassage(number=2)])
    assert asked.run.steps[-1].text == "1 sentence was left out, because its source does not support it."
    assert "repair" not in model.calls


async def test_an_answer_without_a_supported_sentence_is_written_once_more():
    model = scripted(answer=["The king sold the bridge to a trader [1]."], repair=["The mill was built in 1820 [2]."])
    asked = await case(model)
    assert await asked.answer() == ("The mill was built in 1820 [2].", [CitedPassage(number=2)])
    assert model.calls[-2:] == ["answer", "repair"]
    assert asked.run.end == "answered"


@pytest.mark.parametrize(
    ("repair", "last"),
    [("The king sold the mill to a trader [2].", ("verify", "failed")), (Unavailable("down"), ("stop", "failed"))],
)
async def test_an_answer_that_is_still_unsupported_is_withheld(repair, last):
    model = scripted(answer=["The king sold the bridge to a trader [1]."], repair=[repair])
    asked = await case(model)
    assert await asked.answer() == (NOTHING_SUPPORTED, [])
    assert asked.run.end == "withheld"
    assert asked.said[-1] == last


async def test_an_answer_is_not_written_again_beyond_the_bound_of_tokens():
    model = scripted(answer=["The king sold the bridge to a trader [1]."])
    asked = await case(model, tokens=0)
    assert await asked.answer() == (NOTHING_SUPPORTED, [])
    assert model.calls == ["answer"]


async def test_the_models_own_refusal_is_a_declined_answer():
    asked = await case(scripted(answer=["The documents do not say."]))
    assert await asked.answer() == ("The documents do not say.", [Declined()])
    assert asked.run.end == "declined"


async def test_a_reader_who_leaves_stops_the_model_and_no_other_call_follows():
    model = scripted(grade=[None])
    asked = await case(model)
    stream = asked.run.gather(asked.first)
    waiting = asyncio.create_task(_read(stream))
    async with asyncio.timeout(60):
        while "grade" not in model.calls:  # noqa: ASYNC110 - a list
            await asyncio.sleep(0.001)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    asked.run.conclude()
    assert model.calls == ["plan", "grade"]
    assert asked.run.end == "left"


async def _read(stream) -> None:
    async with aclosing(stream):
        async for _ in stream:
            pass


async def test_the_tokens_of_all_calls_are_the_answers_usage():
    asked = await case(scripted(usage=Usage(prompt_tokens=100, completion_tokens=10)))
    await asked.answer()
    assert asked.run.usage_with(Usage(prompt_tokens=7, completion_tokens=3)) == Usage(
        prompt_tokens=307, completion_tokens=33
    )
