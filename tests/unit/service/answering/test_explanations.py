"""Explanations: their tenant, their number and their age."""

from dataclasses import replace

import pytest

from rag.errors import NotFound
from rag.types import EmbedderIdentity, Scope
from service.answering.drafts import Answer
from service.answering.events import Inquiry
from service.answering.explanations import Explanations
from service.answering.feedback import FeedbackLog
from service.generation.base import Prompt, Usage
from service.http.schemas.explanations import PromptOut
from service.prompting.base import PromptVersion
from service.retrieval.retriever import nearness
from service.retrieval.selection import Candidate
from service.settings import ExplanationSettings, FeedbackSettings
from service.writing.base import SentPrompt, WritingInput
from tests.support.contracts.store import direction
from tests.support.passages import hit

OURS, THEIRS = Scope(tenant="ours"), Scope(tenant="theirs")
VERSION = PromptVersion(name="answer", version="v1", hash="0" * 12)


def answer(identifier: str, *, usage: Usage | None = None, sent_prompt: SentPrompt | None = None) -> Answer:
    return Answer(
        id=identifier,
        text="In 1932 [1].",
        declined=False,
        citations=[],
        usage=usage,
        timings={"total": 1.0},
        model="told",
        mode="generate",
        writing_input=WritingInput(question="When?", vector=direction(0), hits=[hit("In 1932.")]),
        sent_prompt=sent_prompt,
    )


class Store:
    """Has one revision."""

    revision = "7"


async def kept(*answers: Answer, scope: Scope = OURS, **settings: int) -> Explanations:
    no_feedback = FeedbackLog(None, FeedbackSettings(hours=0))
    embedder = EmbedderIdentity(model="m", dimension=4)
    explanations = Explanations(ExplanationSettings(**settings), embedder, Store(), no_feedback)

    async def events():
        for given in answers:
            yield given

    inquiry = Inquiry(scope=scope, question="When?", limit=3)
    assert [event async for event in explanations.record(inquiry, events())] == list(answers)
    return explanations


async def test_an_answer_is_explained_to_its_tenant_only():
    explanations = await kept(answer("a"))
    assert explanations.explain(OURS, "a").answer.id == "a"
    assert explanations.explain(OURS, "a").revision == "7"
    with pytest.raises(NotFound, match="cannot be explained"):
        explanations.explain(THEIRS, "a")


async def test_the_oldest_answer_is_removed_first():
    explanations = await kept(answer("a"), answer("b"), answer("c"), answers=2)
    assert [explanations.explain(OURS, name).answer.id for name in "bc"] == ["b", "c"]
    with pytest.raises(NotFound):
        explanations.explain(OURS, "a")


@pytest.mark.parametrize("settings", [{"answers": 0}, {"seconds": 0}])
async def test_disabled_explanations_keep_nothing(settings):
    explanations = await kept(answer("a"), **settings)
    with pytest.raises(NotFound, match="RAG_EXPLANATIONS__ANSWERS"):
        explanations.explain(OURS, "a")


def test_the_tokens_of_a_prompt_are_divided_by_length():
    sent_prompt = SentPrompt(version=VERSION, prompt=Prompt(system="x" * 40, user="y" * 60), passages=20)
    parts = PromptOut.from_sent_prompt(sent_prompt, Usage(prompt_tokens=50, completion_tokens=4)).parts
    assert [(part.name, part.characters, part.tokens) for part in parts] == [
        ("system", 40, 20),
        ("passages", 20, 10),
        ("question", 40, 20),
    ]
    assert [part.tokens for part in PromptOut.from_sent_prompt(sent_prompt, None).parts] == [None] * 3


async def test_the_nearness_is_computed_before_expansion():
    found, read = hit("The pump.", similarity=0.4), hit("The pump needs oil. Which one is on its lid.", similarity=0.4)
    passed_over = hit("Which oil does the pump need?", similarity=0.9)
    candidates = [Candidate(hit=found, reason="taken"), Candidate(hit=passed_over, reason="beyond_limit")]
    question = "Which oil does the pump need?"
    writing_input = WritingInput(question=question, vector=direction(0), hits=[read], candidates=candidates)
    explanations = await kept(replace(answer("a"), writing_input=writing_input))
    assert explanations.explain(OURS, "a").nearness == nearness(question, [found]) != nearness(question, [read])
