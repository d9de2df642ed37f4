"""The use case with real search and a scripted model."""

import itertools
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from pydantic import HttpUrl
from structlog.testing import capture_logs

from rag.errors import BadResponse, Unavailable
from rag.types import EVERYTHING, ChunkFilter, Scope
from service.answering.declining import NO_DOCUMENTS, NOTHING_NEAR
from service.answering.drafts import Answer
from service.answering.events import Inquiry, Sources, Token
from service.answering.follow_ups import Turn
from service.resources import open_resources
from service.settings import AnsweringSettings, OpenAIGeneratorSettings, Settings
from service.writing.grounded import NOTHING_SUPPORTED
from service.writing.unsure import UNSURE
from tests.support.fakes.servers import ModelServer, answering, serve
from tests.support.passages import PATIENT, QUESTION, SCOPE


@asynccontextmanager
async def answerer(data_dir: Path, handler, answering: AnsweringSettings | None = None):
    async with serve("/v1/chat/completions", handler) as url:
        generator = OpenAIGeneratorSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model="told")
        settings = Settings(
            data_dir=data_dir, generator=generator, http=PATIENT, answering=answering or AnsweringSettings()
        )
        async with open_resources(settings) as resources:
            yield resources.answerer


async def events_of(answering_with, mode, question=QUESTION) -> list:
    return [event async for event in answering_with.answer(Inquiry(scope=SCOPE, question=question, limit=3, mode=mode))]


@pytest.mark.slow
async def test_a_capable_model_writes_and_cites(filled):
    model = ModelServer(["In March", " 1932 [1", "]. And [7]."])
    async with answerer(filled, model) as answering_with:
        *_, answer = await events_of(answering_with, None)
    assert (answer.mode, answer.model) == ("generate", "told")
    assert answer.text == "In March 1932 [1]. And."
    assert answer.finish_reason == "stop"
    assert [citation.number for citation in answer.citations] == [1]
    assert answer.usage.completion_tokens == 3
    assert (answer.prompt.name, answer.prompt.version) == ("answer", "v1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unsupported", "text", "declined", "withheld"),
    [
        ("flag", "It was opened in 1931 [1].", False, 0),
        ("withhold", NOTHING_SUPPORTED, True, 1),
    ],
)
async def test_a_sentence_without_support_is_flagged_or_withheld(filled, unsupported, text, declined, withheld):
    async with answerer(
        filled, ModelServer(["It was opened in 1931 [1]."]), AnsweringSettings(unsupported=unsupported)
    ) as answering_with:
        events = await events_of(answering_with, "generate")
    answer = events[-1]
    assert "".join(event.text for event in events if isinstance(event, Token)) == answer.text == text
    assert (answer.declined, bool(answer.nearest), answer.groundedness.withheld) == (declined, declined, withheld)
    assert [answer.text[it.start : it.end] for it in answer.groundedness.unsupported] == [text] * (not declined)


@pytest.mark.slow
async def test_quoting_calls_no_model_and_marks_the_quoted_words(filled):
    model = ModelServer(["never asked"])
    async with answerer(filled, model) as answering_with:
        events = await events_of(answering_with, "quote")
    answer = events[-1]
    assert isinstance(events[0], Sources)
    assert "".join(event.text for event in events if isinstance(event, Token)).strip() == answer.text
    assert answer.text == (
        "The old bridge was opened to traffic in March 1932. It carries eight lanes and two tracks. [1]"
    )
    assert answer.citations[0].quote == answer.text.removesuffix(" [1]")
    assert model.requests == []
    assert answer.prompt is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "pieces", "written"),
    [
        ("quote", ["never asked"], ""),
        ("checked", ["It was opened in March 1932."], "It was opened in March 1932. [1] "),
        ("checked", [], ""),
    ],
    ids=["quote", "checked", "checked without text"],
)
async def test_an_unsure_answer_begins_with_a_paragraph_that_says_so(filled, mode, pieces, written):
    before = REGISTRY.get_sample_value("rag_unsure_answers_total")
    async with answerer(filled, ModelServer(pieces), AnsweringSettings(sure_confidence=1)) as answering_with:
        _, *tokens, answer = await events_of(answering_with, mode)
    assert tokens[0].text == UNSURE
    assert answer.text == "".join(token.text for token in tokens).strip()
    assert answer.text.startswith(f"{UNSURE}{written}The old bridge was opened to traffic in March 1932.")
    assert (answer.unsure, answer.declined, len(answer.citations)) == (True, False, 1)
    assert REGISTRY.get_sample_value("rag_unsure_answers_total") == before + 1


@pytest.mark.slow
async def test_an_answer_of_a_model_is_never_unsure(filled):
    async with answerer(
        filled, ModelServer(["In March 1932 [1]."]), AnsweringSettings(sure_confidence=1)
    ) as answering_with:
        *_, answer = await events_of(answering_with, "generate")
    assert (answer.text, answer.unsure) == ("In March 1932 [1].", False)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "around"), [("generate", "\n\nQuestion: "), ("checked", "Text: \nQuestion: ")])
async def test_the_sent_prompt_reports_the_length_of_its_passages(filled, mode, around):
    async with answerer(filled, ModelServer(["In March 1932 [1]."])) as answering_with:
        *_, answer = await events_of(answering_with, mode)
    assert answer.sent_prompt.passages > len("The old bridge was opened to traffic in March 1932.") - 1
    assert len(answer.sent_prompt.prompt.user) - answer.sent_prompt.passages == len(around + QUESTION)


@pytest.mark.slow
async def test_a_sentence_that_only_repeats_the_question_is_not_quoted(filled):
    question = "The old bridge was opened to traffic in March 1932"
    async with answerer(filled, ModelServer([]), AnsweringSettings(min_confidence=0)) as answering_with:
        *_, answer = await events_of(answering_with, "quote", question + "?")
    assert question not in answer.text
    assert "eight lanes" in answer.text


@pytest.mark.slow
async def test_a_supported_sentence_of_the_model_is_used(filled):
    async with answerer(filled, ModelServer(["It was opened ", "in March 1932."])) as answering_with:
        *_, answer = await events_of(answering_with, "checked")
    assert answer.text.startswith("It was opened in March 1932. [1]")


@pytest.mark.slow
async def test_an_unsupported_sentence_is_replaced_by_the_quote(filled):
    async with answerer(filled, ModelServer(["It was opened by Queen Mary in 1875."])) as answering_with:
        *_, answer = await events_of(answering_with, "checked")
    assert "Mary" not in answer.text
    assert answer.text.startswith("The old bridge was opened to traffic in March 1932. It carries")


@pytest.mark.slow
async def test_an_unanswerable_question_is_declined_without_a_model(filled):
    model = ModelServer(["never asked"])
    async with answerer(filled, model) as answering_with:
        with capture_logs() as logs:
            answer = (await events_of(answering_with, "generate", "How do I bake sourdough bread?"))[-1]
    assert isinstance(answer, Answer)
    [line] = [line for line in logs if line["event"] == "question_answered"]
    assert (line["answer"], line["declined"]) == (answer.id, True)
    assert (answer.declined, answer.citations) == (True, ())
    assert answer.text.startswith(NOTHING_NEAR)
    assert [citation.number for citation in answer.nearest] == [1]
    assert model.requests == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tenant", "where", "text"),
    [
        ("another", EVERYTHING, NO_DOCUMENTS),
        ("default", ChunkFilter(metadata={"team": ("none",)}), NOTHING_NEAR),
    ],
)
async def test_an_answer_without_passages_says_whether_the_tenant_has_documents(filled, tenant, where, text):
    async with answerer(filled, ModelServer(["never asked"])) as answering_with:
        inquiry = Inquiry(scope=Scope(tenant=tenant), question=QUESTION, limit=3, where=where)
        *_, answer = [event async for event in answering_with.answer(inquiry)]
    assert (answer.declined, answer.nearest, answer.text) == (True, [], text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (answering(500, "down"), Unavailable),
        (answering(200, "no stream"), BadResponse),
        (ModelServer([]), BadResponse),
    ],
)
async def test_an_error_of_the_model_is_raised_after_the_passages(filled, handler, error):
    async with answerer(filled, handler) as answering_with:
        events = answering_with.answer(Inquiry(scope=SCOPE, question=QUESTION, limit=3, mode="generate"))
        assert (await anext(events)).citations
        with pytest.raises(error):
            await anext(events)


@pytest.mark.slow
async def test_the_first_token_has_visible_text(filled):
    async with answerer(filled, ModelServer(["\n", "  ", "\n In ", "1932 [1]."])) as answering_with:
        _, first, *_, answer = await events_of(answering_with, "generate")
    assert (first.text.rstrip(), answer.text) == ("In", "In 1932 [1].")


@pytest.mark.slow
async def test_an_answer_of_white_space_is_an_error(filled):
    async with answerer(filled, ModelServer(["\n", "  "])) as answering_with:
        with pytest.raises(BadResponse, match="empty answer"):
            await events_of(answering_with, "generate")


@pytest.mark.slow
async def test_the_time_to_first_token_is_what_the_reader_waits(filled):
    def observed(name: str) -> float:
        return REGISTRY.get_sample_value(f"rag_time_to_first_token_seconds_{name}")

    async with answerer(filled, ModelServer([])) as answering_with:
        for question, is_streamed in itertools.product([QUESTION, "How do I bake sourdough bread?"], [True, False]):
            inquiry = Inquiry(scope=SCOPE, question=question, limit=3, mode="quote", is_streamed=is_streamed)
            count, seconds = observed("count"), observed("sum")
            seen_at: dict[type, float] = {}
            async for event in answering_with.answer(inquiry):
                seen_at.setdefault(type(event), observed("count") - count)
            # A streamed text counts when it begins. Without a stream, the reader sees nothing before the whole answer.
            assert (seen_at[Sources], seen_at[Token], seen_at[Answer]) == (0, int(is_streamed), 1)
            assert observed("sum") > seconds


@pytest.mark.slow
async def test_a_late_error_is_raised_after_the_first_tokens(filled):
    async with answerer(filled, ModelServer(["fine"], ending=b"data: {garbage\n\n")) as answering_with:
        events = answering_with.answer(Inquiry(scope=SCOPE, question=QUESTION, limit=3, mode="generate"))
        assert isinstance(await anext(events), Sources)
        assert (await anext(events)).text == "fine"
        with pytest.raises(BadResponse):
            await anext(events)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "searched"),
    [("quote", "When was it opened? (old bridge)"), ("generate", "When was the old bridge opened?")],
)
async def test_a_follow_up_is_searched_and_answered_as_a_question_of_its_own(filled, mode, searched):
    turns = [Turn(question="Where is the old bridge?", answer="At the river. [1]")]
    model = ModelServer(["When was the old bridge opened?"])
    async with answerer(filled, model) as answering_with:
        inquiry = Inquiry(scope=SCOPE, question="When was it opened?", turns=turns, limit=3, mode=mode)
        *_, answer = [event async for event in answering_with.answer(inquiry)]
    assert (answer.question, answer.writing_input.asked) == (searched, "When was it opened?")
    assert not answer.declined
    if mode == "generate":
        rewriting, writing = (request["messages"][-1]["content"] for request in model.requests)
        assert "Question: Where is the old bridge?" in rewriting
        assert writing.endswith(f"Question: {searched}")
    else:
        assert "The old bridge was opened to traffic in March 1932." in answer.text
        assert model.requests == []
