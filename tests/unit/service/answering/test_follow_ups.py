"""Follow-up questions: by the words of the conversation, and by a model."""

import asyncio

import pytest

from rag.errors import Unavailable
from service.answering.carrying_over import carry_over
from service.answering.follow_ups import FollowUps, Turn
from service.generation.base import Prompt, Retraction
from service.prompting.folder import PACKAGED, FolderPrompts
from service.writing.unsure import UNSURE

TURNS = [Turn(question="How do I create an API key?", answer="Run `keys create`. [1]")]


class Model:
    """A generator that writes fixed pieces and remembers its prompts."""

    model = "told"

    def __init__(self, *pieces, error: Exception | None = None) -> None:
        self._pieces = pieces
        self._error = error
        self.prompts: list[Prompt] = []
        self.is_closed = False

    async def generate(self, prompt):
        self.prompts.append(prompt)
        try:
            for piece in self._pieces:
                yield piece
            if self._error:
                raise self._error
        finally:
            self.is_closed = True


async def follow_ups(model=None, **limits: float) -> FollowUps:
    template = (await FolderPrompts(PACKAGED).load("follow_up"))["v1"]
    return FollowUps(model, template, **{"history_tokens": 1000, "model_seconds": 5.0, **limits})


@pytest.mark.parametrize(
    ("earlier", "question", "carried"),
    [
        ("How do I create an API key?", "Where is it stored?", "create API key"),
        ("What does the role reader allow?", "What about writer?", "role reader allow"),
        ("How do I filter a search by time?", "And by format?", "filter search time"),
        ("What does RAG_DRIFT__WINDOW do?", "How long are the files kept?", "RAG_DRIFT__WINDOW"),
        ("What is a dead letter?", "How do I bring one back?", "dead letter"),
        ("Which alert means that questions drifted?", "Why?", "alert questions drifted"),
        ("How does the folder inbox work?", "Can two workers share that?", "folder inbox"),
        ("How does the folder inbox work?", "Is the one in Redis faster?", "folder inbox"),
        ("What does `--prune` remove?", "Does the crawler also do so?", "`--prune` remove"),
    ],
)
def test_a_follow_up_gets_the_words_that_it_lacks(earlier, question, carried):
    assert carry_over(question, earlier) == f"{question} ({carried})"


@pytest.mark.parametrize(
    "question",
    [
        "Which objectives have error budgets?",
        "How long does it take to ingest a thousand documents?",
        "Is it possible to run two workers on one machine?",
        "Which setting says that the service declines more questions?",
        "RAG_INBOX__URL",
        "What is a lease?",
        "Is there a limit on the size of documents?",
    ],
)
def test_a_question_that_stands_alone_is_unchanged(question):
    assert carry_over(question, "How do I create an API key?") == question


async def test_without_a_model_a_topic_is_carried_through_several_turns():
    turns = [*TURNS, Turn(question="Where is it stored?", answer="In keys.json. [1]")]
    rewritten = await (await follow_ups()).to_stand_alone("Why there?", turns, by_model=False)
    assert rewritten == "Why there? (stored create API key)"


async def test_a_first_question_is_not_rewritten():
    model = Model("never asked")
    assert await (await follow_ups(model)).to_stand_alone("Why?", [], by_model=True) == "Why?"
    assert model.prompts == []


async def test_a_model_rewrites_from_the_turns_and_is_stopped_after_one_line():
    model = Model("It asks: ", Retraction(), '"Where is the API', ' key stored?"\n', "In keys.json.", "more")
    rewritten = await (await follow_ups(model)).to_stand_alone("Where is it stored?", TURNS, by_model=True)
    assert rewritten == "Where is the API key stored?"
    assert model.is_closed
    [prompt] = model.prompts
    assert "Question: How do I create an API key?\nAnswer: Run `keys create`. [1]" in prompt.user
    assert prompt.user.endswith("Last question: Where is it stored?")
    assert (prompt.name, prompt.version) == ("follow_up", "v1")


async def test_the_model_does_not_read_that_an_answer_was_unsure():
    model = Model("Where is it?")
    turns = [Turn(question=TURNS[0].question, answer=f"{UNSURE}{TURNS[0].answer}")]
    await (await follow_ups(model)).to_stand_alone("Where is it stored?", turns, by_model=True)
    assert f"\nAnswer: {TURNS[0].answer}" in model.prompts[0].user


async def test_the_model_reads_the_latest_turns_within_the_budget():
    turns = [Turn(question=f"Question {number}?", answer="word " * 60) for number in range(10)]
    model = Model("What?")
    await (await follow_ups(model, history_tokens=250)).to_stand_alone("And?", turns, by_model=True)
    history = model.prompts[0].user
    assert [number for number in range(10) if f"Question {number}?" in history] == [8, 9]


@pytest.mark.parametrize(
    "model",
    [Model(error=Unavailable("The model server is down.")), Model("  "), Model("An endless answer. " * 200)],
    ids=["down", "empty", "endless"],
)
async def test_an_unusable_model_is_replaced_by_the_words(model):
    rewritten = await (await follow_ups(model)).to_stand_alone("Where is it stored?", TURNS, by_model=True)
    assert rewritten == "Where is it stored? (create API key)"


@pytest.mark.parametrize(
    "written",
    [
        "How do I create an API key?",  # The earlier question again.
        "Which file holds API keys?",  # Another question.
    ],
)
async def test_a_line_that_drops_words_of_the_follow_up_is_replaced_by_the_words(written):
    rewriting = await follow_ups(Model(written))
    rewritten = await rewriting.to_stand_alone("Where is it stored?", TURNS, by_model=True)
    assert rewritten == "Where is it stored? (create API key)"


async def test_a_model_that_repeats_a_follow_up_is_helped_by_the_words():
    rewriting = await follow_ups(Model("Where is it stored?"))
    rewritten = await rewriting.to_stand_alone("Where is it stored?", TURNS, by_model=True)
    assert rewritten == "Where is it stored? (create API key)"


async def test_a_model_may_choose_other_words_where_the_rules_see_no_follow_up():
    german = "Wo wird der API-Schlüssel auf dem Server gespeichert?"
    rewriting = await follow_ups(Model(german))
    asked = "Und wo liegt dann dieser auf dem Server?"
    assert await rewriting.to_stand_alone(asked, TURNS, by_model=True) == german


async def test_a_slow_model_is_replaced_by_the_words():
    class Slow(Model):
        async def generate(self, prompt):
            await asyncio.Event().wait()
            yield prompt.user

    rewriting = await follow_ups(Slow(), model_seconds=0.01)
    rewritten = await rewriting.to_stand_alone("Where is it stored?", TURNS, by_model=True)
    assert rewritten == "Where is it stored? (create API key)"


@pytest.mark.parametrize(("by_model", "tokens"), [(False, 1000), (True, 0)])
async def test_the_model_is_not_asked_in_other_modes_or_without_a_budget(by_model, tokens):
    model = Model("never asked")
    rewriting = await follow_ups(model, history_tokens=tokens)
    assert "create API key" in await rewriting.to_stand_alone("Where is it stored?", TURNS, by_model=by_model)
    assert model.prompts == []
