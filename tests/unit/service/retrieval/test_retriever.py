"""The retriever with the real engine: search, selection and expansion."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rag.store.edge.store import open_edge_writer
from rag.tracing import semconv
from rag.types import ScoredChunk
from service.metrics import ANSWER_STAGES, PASSED_OVER
from service.retrieval.retriever import Retriever, nearness
from service.settings import RetrievalSettings
from tests.support.contracts.store import EMBEDDER, OURS, direction, point, put
from tests.support.passages import hit, texts


@pytest.fixture
async def store(tmp_path):
    async with open_edge_writer(tmp_path, EMBEDDER) as opened:
        yield opened


def retriever(store, **settings) -> Retriever:
    return Retriever(store, RetrievalSettings(**settings))


async def ask(store, question: str, *, axis: int = 0, limit: int, **settings) -> list[ScoredChunk]:
    vector = direction(axis)
    found = await retriever(store, **settings).retrieve(
        OURS, question, vector, limit=limit, timer=ANSWER_STAGES.start()
    )
    return list(found.hits)


async def test_an_exact_error_code_ranks_above_a_similar_meaning(store):
    near = [point(f"the oil of pump {n} is low", document=f"d{n}", axis=0) for n in range(30)]
    await put(store, OURS, [*near, point("E1234: fill up oil", document="codes", axis=1)])
    found = await ask(store, "what is E1234", axis=0, limit=3)
    assert found[0].chunk.text == "E1234: fill up oil"


async def test_a_duplicate_makes_room_for_another_passage(store):
    text = "close the valve and wait until the gauge shows zero"
    await put(store, OURS, [point(text, document=name) for name in ("a", "b", "c")])
    await put(store, OURS, [point("the valve is made of brass", document="d", axis=1)])
    found = await ask(store, "close the valve", axis=0, limit=2)
    assert texts(found) == [text, "the valve is made of brass"]


async def test_the_limit_per_document_prefers_other_documents(store):
    own = [point(f"the valve, {word}", ordinal=n) for n, word in enumerate(("first", "second", "third"))]
    await put(store, OURS, [*own, point("a valve elsewhere", document="other", axis=1)])
    found = await ask(store, "the valve", axis=0, limit=4, per_document=1)
    assert [hit.chunk.document_id for hit in found] == ["doc", "other", "doc", "doc"]


async def test_a_passage_is_expanded_within_its_document_and_tenant(store):
    parts = [point(f"Step {n} of the work.", ordinal=n, chunk_count=4, axis=n) for n in range(4)]
    await put(store, OURS, [*parts, point("Elsewhere.", document="other", ordinal=1)])
    found = await ask(store, "step", axis=1, limit=1, feedback=0)
    [expanded] = await retriever(store).expand(OURS, found)
    assert texts(found) == ["Step 1 of the work."]
    assert expanded.chunk.text == "\n\n".join(f"Step {n} of the work." for n in range(4))
    assert await retriever(store, expand_to_tokens=0).expand(OURS, found) == found


async def test_a_misspelt_word_is_corrected_by_the_collection_and_a_known_one_is_left(store):
    await put(store, OURS, [point("The pump is old."), point("Close the valve.", document="other", axis=1)])
    corrected = []
    for question in ("Close the vlave", "Close the valve", "Close the gasket"):
        found = await retriever(store).retrieve(OURS, question, direction(2), limit=1, timer=ANSWER_STAGES.start())
        corrected.append(await retriever(store).correct(OURS, question, direction(2), found))
    assert corrected == ["Close the valve", "", ""]


async def test_a_scope_has_documents_if_it_has_any(store):
    assert not await retriever(store).has_documents(OURS)
    await put(store, OURS, [point("the valve")])
    assert await retriever(store).has_documents(OURS)


async def test_the_span_of_a_recorded_retrieval_lists_its_passages(store, monkeypatch):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("rag.tracing.spans._TRACER", provider.get_tracer("test"))
    await put(store, OURS, [point("the valve")])
    with trace.use_span(provider.get_tracer("test").start_span("request"), end_on_exit=True):
        await ask(store, "the valve", limit=1)
    [recorded] = [it for it in exporter.get_finished_spans() if it.name.startswith(semconv.RETRIEVAL)]
    assert point("the valve").chunk.id in str(recorded.attributes[semconv.RETRIEVAL_DOCUMENTS])


async def test_only_candidates_that_were_passed_over_are_counted(store):
    await put(store, OURS, [point("the valve", document=name) for name in ("a", "b", "c")])
    await put(store, OURS, [point("the pump", document="d", axis=1)])
    before = PASSED_OVER._value.get()
    assert len(await ask(store, "the valve", limit=3)) == 2
    assert PASSED_OVER._value.get() == before + 2


def test_a_passage_at_the_minimum_of_similarity_is_relevant(store):
    passage = hit("water boils", similarity=0.5)
    at_minimum = nearness("When does water boil?", [passage])
    for minimum, is_relevant in ((at_minimum, True), (at_minimum + 0.001, False)):
        assert retriever(store, min_similarity=minimum).is_relevant("When does water boil?", [passage]) == is_relevant


async def test_without_passages_or_a_budget_no_neighbours_are_read():
    # A store that does not exist cannot be read.
    for passages, tokens in (([], 100), ([hit("water boils")], 0)):
        assert await retriever(None, expand_to_tokens=tokens).expand(OURS, passages) == passages


async def test_an_empty_result_is_neither_expanded_nor_relevant(store):
    found = await ask(store, "anything", axis=0, limit=5)
    assert (found, await retriever(store).expand(OURS, found)) == ([], [])
    assert not retriever(store).is_relevant("anything", found)
