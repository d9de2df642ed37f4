"""Agentic answers with real search and a model server that answers each kind of prompt."""

import json
from contextlib import aclosing, asynccontextmanager

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from pydantic import HttpUrl

from rag.errors import InvalidInput, Unavailable
from service.answering.events import Inquiry, Sources, Token
from service.resources import open_resources
from service.settings import NoGeneratorSettings, OpenAIGeneratorSettings, Settings
from service.writing.base import Step
from tests.support.fakes.servers import JudgeServer, answering, serve
from tests.support.passages import PATIENT, SCOPE

pytestmark = pytest.mark.slow
QUESTION = "When was the old bridge opened, and how many lanes does it have?"
PARTS = ["When was the old bridge opened?", "How many lanes does the old bridge carry?"]
ANSWER = "The old bridge was opened to traffic in March 1932 [1]. It carries eight lanes [1]."


def reply(prompt: str) -> str:
    if "write one search for each" in prompt:
        return json.dumps({"search": PARTS})
    if "Which of these passages" in prompt:
        return '{"passages": [1]}'
    if "Write one other search" in prompt:
        return json.dumps({"search": "sourdough"})
    return ANSWER


@asynccontextmanager
async def answerer(data_dir, handler):
    async with serve("/v1/chat/completions", handler) as url:
        generator = OpenAIGeneratorSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model="told")
        async with open_resources(Settings(data_dir=data_dir, generator=generator, http=PATIENT)) as resources:
            yield resources.answerer


def inquiry(question: str = QUESTION) -> Inquiry:
    return Inquiry(scope=SCOPE, question=question, limit=3, mode="agentic", is_streamed=True)


def ends(end: str) -> float:
    return REGISTRY.get_sample_value("rag_agent_answers_total", {"end": end})


async def test_an_agentic_answer_has_its_steps_sources_citations_and_tokens(filled):
    model, before = JudgeServer(reply), ends("answered")
    first_texts = REGISTRY.get_sample_value("rag_time_to_first_token_seconds_count")
    async with answerer(filled, model) as answering_with:
        events = [event async for event in answering_with.answer(inquiry())]
    answer = events[-1]
    kinds = [type(event) for event in events if not isinstance(event, Step)]
    assert (kinds[0], set(kinds[1:-1])) == (Sources, {Token})
    assert isinstance(events[0], Step)
    assert (answer.text, answer.mode, answer.declined) == (ANSWER, "agentic", False)
    assert [citation.number for citation in answer.citations] == [1]
    assert answer.groundedness.supported == 2
    searching = ["search", "grade"]
    assert [step.name for step in answer.steps] == ["plan", *searching, *searching, "write", "verify"]
    assert answer.usage.prompt_tokens == 7 * len(model.requests) == 28
    assert {"plan", "grade", "first_token"} <= set(answer.timings)
    assert ends("answered") == before + 1
    assert REGISTRY.get_sample_value("rag_time_to_first_token_seconds_count") == first_texts
    plans = [request for request in model.requests if "response_format" in request]
    assert len(plans) == 3  # The plan and both verdicts follow a schema, the answer does not.


async def test_an_unanswerable_question_is_declined_before_anything_is_written(filled):
    model, before = (
        JudgeServer(lambda prompt: "{}" if "write one search" in prompt else reply(prompt)),
        ends("no_evidence"),
    )
    async with answerer(filled, model) as answering_with:
        *_, answer = [event async for event in answering_with.answer(inquiry("How do I bake sourdough bread?"))]
    assert (answer.declined, answer.sent_prompt) == (True, None)
    assert answer.usage.prompt_tokens == 7 * len(model.requests)
    assert [step.name for step in answer.steps] == ["plan", "search", "reword", "search"]
    assert ends("no_evidence") == before + 1


@pytest.mark.parametrize(("handler", "error"), [(answering(500, "down"), Unavailable), (None, InvalidInput)])
async def test_an_error_of_the_model_is_that_of_the_mode_generate(filled, handler, error):
    if handler is None:
        settings = Settings(data_dir=filled, generator=NoGeneratorSettings(kind="none"))
        async with open_resources(settings) as resources:
            with pytest.raises(error, match="no language model"):
                [event async for event in resources.answerer.answer(inquiry())]
        return
    before = ends("failed")
    async with answerer(filled, handler) as answering_with:
        with pytest.raises(error):
            [event async for event in answering_with.answer(inquiry())]
    assert ends("failed") == before + 1


async def test_a_reader_who_leaves_ends_the_work(filled):
    model, before = JudgeServer(reply), ends("left")
    async with answerer(filled, model) as answering_with:
        async with aclosing(answering_with.answer(inquiry())) as events:
            async for event in events:
                if isinstance(event, Step) and (event.name, event.status) == ("search", "started"):
                    break
        assert len(model.requests) == 1
    assert ends("left") == before + 1


async def test_the_spans_show_the_agent_its_plan_and_its_tool(filled, monkeypatch):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("rag.tracing.spans._TRACER", provider.get_tracer("test"))
    async with answerer(filled, JudgeServer(reply)) as answering_with:
        with trace.use_span(provider.get_tracer("test").start_span("request"), end_on_exit=True):
            [event async for event in answering_with.answer(inquiry())]
    spans = {span.name: span for span in exporter.get_finished_spans()}
    agent = spans["invoke_agent answer"]
    assert agent.attributes["groundwork.agent.end"] == "answered"
    assert spans["plan answer"].parent.span_id == agent.context.span_id
    tools = [span for span in exporter.get_finished_spans() if span.name == "execute_tool search"]
    assert [span.attributes["gen_ai.tool.name"] for span in tools] == ["search", "search"]
    assert not any(part in str(span.attributes) for span in tools for part in PARTS)
