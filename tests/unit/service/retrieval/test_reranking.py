"""Reranking: both runtimes, both endpoint formats, and the time budget."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from pydantic import HttpUrl

from rag.errors import AccessRefused, BadResponse, Misconfigured, Overloaded, Unavailable
from rag.tracing import semconv
from rag.types import ScoredChunk
from service.retrieval.reranking.budgeted import BudgetedReranker
from service.retrieval.reranking.endpoint import EndpointReranker
from service.retrieval.reranking.factory import open_reranker
from service.settings import EndpointRerankerSettings, LocalRerankerSettings, NoRerankerSettings
from tests.support import passages
from tests.support.fakes.servers import answering, serve

QUESTION = "Who repairs pumps?"
PASSAGES = ["Pumps are repaired by fitters.", "Bread is baked.", "A long passage about valves. " * 80, "Zürich, 東京"]


def hit(text: str) -> ScoredChunk:
    return passages.hit(text, heading="")


def texts_of(reranked) -> list[str]:
    return [hit.chunk.text for hit in reranked.hits]


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory):
    from tests.support.fakes.cross_encoder import make_cross_encoder  # noqa: PLC0415 - it imports torch

    return make_cross_encoder(tmp_path_factory.mktemp("reranker"))


@asynccontextmanager
async def reranker(settings):
    async with aiohttp.ClientSession() as session, open_reranker(settings, session) as opened:
        yield opened


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
@pytest.mark.slow
async def test_each_runtime_scores_like_sentence_transformers(cross_encoder, runtime):
    from sentence_transformers import CrossEncoder  # noqa: PLC0415 - it imports torch

    expected = CrossEncoder(str(cross_encoder), device="cpu").predict([(QUESTION, text) for text in PASSAGES])
    settings = LocalRerankerSettings(kind="local", model=str(cross_encoder), runtime=runtime)
    async with reranker(settings) as opened:
        found = await opened.rerank(QUESTION, [hit(text) for text in PASSAGES], seconds=60)
    assert found.extent == "full"
    assert texts_of(found) == [PASSAGES[index] for index in np.argsort(-expected)]
    # CrossEncoder applies a sigmoid; our scores are the logits.
    scores = [hit.rerank_score for hit in found.hits]
    assert np.allclose(1 / (1 + np.exp(-np.array(scores))), np.sort(expected)[::-1], atol=1e-4)


async def test_a_model_directory_without_weights_is_rejected(tmp_path):
    for runtime, missing in (
        ("auto", "model.safetensors"),
        ("onnx", "onnx/model.onnx"),
        ("torch", "model.safetensors"),
    ):
        with pytest.raises(Misconfigured, match=f"contains no {missing}"):
            async with reranker(LocalRerankerSettings(kind="local", model=str(tmp_path), runtime=runtime)):
                pass


async def test_the_torch_runtime_does_not_load_the_onnx_form(tmp_path):
    (tmp_path / "model.onnx").touch()
    with pytest.raises(Misconfigured, match=r"contains no model\.safetensors"):
        async with reranker(LocalRerankerSettings(kind="local", model=str(tmp_path), runtime="torch")):
            pass


async def test_the_kind_none_opens_no_reranker():
    async with reranker(NoRerankerSettings()) as opened:
        assert opened is None


def endpoint(url: str, **settings) -> EndpointRerankerSettings:
    return EndpointRerankerSettings(kind="endpoint", url=HttpUrl(url), model="m", **settings)


@pytest.mark.parametrize("shape", ["cohere", "tei"])
async def test_an_endpoint_receives_its_format_and_scores_match_their_passages(shape):
    asked = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.json()
        asked.append(body)
        passages = body["documents" if shape == "cohere" else "texts"]
        name = "relevance_score" if shape == "cohere" else "score"
        items = [{"index": index, name: float(len(text))} for index, text in enumerate(passages)]
        items.sort(key=lambda item: -item[name])
        return web.json_response({"results": items} if shape == "cohere" else items)

    async with serve("/rerank", handler) as url, reranker(endpoint(url, shape=shape)) as opened:
        found = await opened.rerank(QUESTION, [hit(text) for text in ("bb", "a", "ccc")], seconds=60)
    assert texts_of(found) == ["ccc", "bb", "a"]
    assert asked[0]["query"] == QUESTION
    assert asked[0].get("top_n", 3) == 3


def scored(*items) -> str:
    return json.dumps({"results": [{"index": index, "relevance_score": score} for index, score in items]})


@pytest.mark.parametrize(
    "body",
    [
        scored((1, 0.9), (0, 0.1)),
        scored((0, "0.1"), (1, "0.9")),
        scored((0.0, 0.1), ("1", 0.9)),
        '{"object": "list", "data": [{"index": 0, "relevance_score": 0.1}, {"index": 1, "score": 0.9}]}',
        '[{"index": 1, "score": 0.9, "text": "b"}, {"index": 0, "score": 0.1}]',
        '{"results": [{"index": 0, "relevance_score": 0.1, "document": {"text": "a"}}, {"index": 1, "score": 0.9}]}',
    ],
)
async def test_scores_are_read_in_every_known_shape(body):
    async with serve("/rerank", answering(200, body)) as url, reranker(endpoint(url)) as opened:
        found = await opened.rerank(QUESTION, [hit("a"), hit("b")], seconds=60)
    assert (texts_of(found), found.extent) == (["b", "a"], "full")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, "down", Unavailable),
        (429, "full", Overloaded),
        (401, "the key sk-live-1234abcd", AccessRefused),
        (413, "batch too large", BadResponse),
        (200, "{}", BadResponse),
        (200, "[]", BadResponse),
        (200, "null", BadResponse),
        (200, "not json", BadResponse),
        (200, '{"error": {"message": "busy", "code": 503}}', Unavailable),
        (200, scored(), BadResponse),
        (200, scored((0, 1)), BadResponse),
        (200, scored((0, 1), (0, 2)), BadResponse),
        (200, scored((0, 1), (2, 2)), BadResponse),
        (200, scored((0, 1), (1, 2), (1, 3)), BadResponse),
        (200, scored((0, 1), (1.5, 2)), BadResponse),
        (200, scored((0, 1), (True, 2)), BadResponse),
        (200, scored((0, None), (1, None)), BadResponse),
        (200, scored((0, "high"), (1, "low")), BadResponse),
        (200, scored((0, float("nan")), (1, 1)), BadResponse),
        (200, scored((0, float("inf")), (1, 1)), BadResponse),
        (200, scored((0, 10**400), (1, 1)), BadResponse),
        (200, scored((float("inf"), 1), (1, 1)), BadResponse),
        (200, '{"results": "none"}', BadResponse),
        (200, '{"results": [5, 6]}', BadResponse),
    ],
)
async def test_a_failing_endpoint_raises_and_the_order_stays(status, body, error):
    async with serve("/rerank", answering(status, body)) as url, aiohttp.ClientSession() as session:
        port = EndpointReranker(session, endpoint(url))
        with pytest.raises(error) as raised:
            await port.score(QUESTION, ["a", "b"])
        before = counted("failed")
        found = await BudgetedReranker(port, candidates=10).rerank(QUESTION, [hit("a"), hit("b")], seconds=60)
    assert (texts_of(found), found.extent) == (["a", "b"], "failed")
    assert counted("failed") == before + 1
    assert "sk-live" not in str(raised.value) + raised.value.upstream


class LengthReranker:
    """Scores longer texts higher, and takes `seconds` for each batch."""

    model = "length"
    batch_size = 2

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.seen: list[str] = []

    async def score(self, _: str, passages) -> list[float]:
        self.seen += passages
        await asyncio.sleep(self.seconds)
        return [float(len(passage)) for passage in passages]


HITS = [hit("a"), hit("bb"), hit("ccc"), hit("dddd"), hit("eeeee")]


def counted(extent: str) -> float:
    return REGISTRY.get_sample_value("rag_reranks_total", {"extent": extent})


async def test_candidates_beyond_the_limit_follow_unscored():
    scorer = LengthReranker()
    found = await BudgetedReranker(scorer, candidates=3).rerank(QUESTION, HITS, seconds=60)
    assert (texts_of(found), scorer.seen) == (["ccc", "bb", "a", "dddd", "eeeee"], ["a", "bb", "ccc"])


class Clock:
    """A clock that only tests advance."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("service.retrieval.reranking.budgeted.time", clock)
    return clock


async def test_a_batch_that_would_be_late_is_skipped_and_keeps_its_order(clock):
    class Slow(LengthReranker):
        async def score(self, *asked):
            clock.now += 50
            return await super().score(*asked)

    scorer, before = Slow(), counted("partial")
    found = await BudgetedReranker(scorer, candidates=5).rerank(QUESTION, HITS, seconds=100)
    assert (texts_of(found), found.extent) == (["bb", "a", "ccc", "dddd", "eeeee"], "partial")
    assert scorer.seen == ["a", "bb"]
    assert counted("partial") == before + 1


async def test_without_time_no_candidate_is_scored():
    scorer, before = LengthReranker(), counted("skipped")
    found = await BudgetedReranker(scorer, candidates=5).rerank(QUESTION, HITS, seconds=-0.1)
    assert (texts_of(found), found.extent, scorer.seen) == (["a", "bb", "ccc", "dddd", "eeeee"], "skipped", [])
    assert counted("skipped") == before + 1


@pytest.mark.usefixtures("clock")
async def test_a_reranker_that_was_too_slow_is_tried_again_after_some_questions():
    scorer = LengthReranker(600)
    reranker = BudgetedReranker(scorer, candidates=2)
    await reranker.rerank(QUESTION, HITS, seconds=0.5)
    scorer.seconds = 0.0
    assert (await reranker.rerank(QUESTION, HITS, seconds=0.48)).extent == "skipped"
    assert scorer.seen == ["a", "bb"]
    extents = [(await reranker.rerank(QUESTION, HITS, seconds=0.48)).extent for _ in range(20)]
    assert extents[-1] == "full"


async def test_the_span_of_a_recorded_reranking_has_its_extent(monkeypatch):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("rag.tracing.spans._TRACER", provider.get_tracer("test"))
    with trace.use_span(provider.get_tracer("test").start_span("request"), end_on_exit=True):
        await BudgetedReranker(LengthReranker(), candidates=5).rerank(QUESTION, HITS, seconds=60)
    [recorded] = [it for it in exporter.get_finished_spans() if it.name.startswith(semconv.RERANK)]
    assert recorded.attributes[semconv.EXTENT] == "full"


async def test_equal_scores_keep_the_order_of_the_search():
    twins = [hit("xx"), hit("yy"), hit("zz")]
    assert texts_of(await BudgetedReranker(LengthReranker(), candidates=3).rerank(QUESTION, twins, seconds=60)) == [
        "xx",
        "yy",
        "zz",
    ]
