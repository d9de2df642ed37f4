"""Synthetic passages are reproducible and realistic. A collection of them is loaded, searched and resumed."""

import numpy as np
import pytest

from rag.settings import read_settings
from rag.types import EmbedderIdentity, Scope
from research.engine_at_scale.scale import Corpus, ask, build_graph, load
from research.engine_at_scale.search import search
from research.engine_at_scale.synthetic import (
    BLOCK,
    CHUNKS_PER_DOCUMENT,
    TENANTS,
    find_neighbours,
    intrinsic_dimension,
    make_points,
    make_vectors,
    scope_of,
)
from service.metrics import ANSWER_STAGES
from service.retrieval.retriever import Retriever
from service.settings import Settings

DIMENSION = 32


def clustered(count: int, seed: int) -> np.ndarray:
    random_source = np.random.default_rng(seed)
    centres = random_source.standard_normal((20, DIMENSION))
    vectors = centres[random_source.integers(20, size=count)] + 0.4 * random_source.standard_normal((count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def source():
    texts = [f"The part {n} turns. It is made of metal {n % 7}. Close valve {n}." for n in range(400)]
    return find_neighbours(texts, clustered(400, seed=1))


def test_a_block_is_reproducible_and_differs_from_others(source):
    assert np.array_equal(make_vectors(source, 3), make_vectors(source, 3))
    assert not np.array_equal(make_vectors(source, 3), make_vectors(source, 4))
    assert np.linalg.norm(make_vectors(source, 3), axis=1) == pytest.approx(1, abs=1e-5)


def test_points_have_the_vectors_of_their_block_and_sentences_of_real_texts(source):
    documents = list(make_points(source, 0))
    vectors = np.concatenate([[point.vector for point in points] for _, points in documents])
    assert np.array_equal(vectors, make_vectors(source, 0))
    known = {sentence for text in source.texts for sentence in text.rstrip(".").split(". ")}
    _, points = documents[0]
    assert {sentence for point in points for sentence in point.chunk.text.rstrip(".").split(". ")} <= known


def test_tenants_own_their_shares_of_the_documents():
    owners = [scope_of(number) for number in range(1000)]
    assert {scope: owners.count(scope) / 1000 for scope in TENANTS} == TENANTS


def test_neighbours_are_the_nearest_other_passages(source):
    similarities = source.vectors @ source.vectors.T
    np.fill_diagonal(similarities, -1)
    for row in (0, 150, 399):
        assert set(source.neighbours[row]) == set(np.argsort(-similarities[row])[:16])


def test_the_estimated_intrinsic_dimension_is_that_of_the_sample():
    random_source = np.random.default_rng(5)
    for dimension in (3, 8):
        flat = np.zeros((4000, DIMENSION), dtype=np.float32)
        flat[:, : dimension + 1] = random_source.standard_normal((4000, dimension + 1))
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        assert intrinsic_dimension(flat[:300], flat) == pytest.approx(dimension, rel=0.2)


@pytest.mark.nightly
async def test_a_collection_is_loaded_searched_and_resumed(source, tmp_path, monkeypatch):
    # The process that builds such a small graph lives for half a second only.
    monkeypatch.setattr("research.engine_at_scale.peak_memory._SAMPLE_SECONDS", 0.01)
    corpus = Corpus(
        source=source,
        questions=[f"Which metal is part {n} made of?" for n in range(60)],
        vectors=clustered(60, seed=2),
        embedder=EmbedderIdentity(model="clusters", dimension=DIMENSION),
    )
    steps = [step async for step in load(corpus, tmp_path, points=BLOCK, publish_every=BLOCK)]
    assert [step.step for step in steps] == ["loaded", "published"]
    exact = ask(tmp_path)
    assert [(row.mode, row.points) for row in exact[:3]] == [("dense", 9000), ("dense", 900), ("dense", 100)]
    assert [row.recall for row in exact[:3]] == pytest.approx([1, 1, 1])
    assert [step async for step in load(corpus, tmp_path, points=BLOCK, publish_every=BLOCK)] == []
    [built] = [step async for step in build_graph(corpus, tmp_path)]
    assert (built.step, built.points) == ("graph built and published", BLOCK)
    assert built.builder > 0
    assert min(row.recall for row in ask(tmp_path)[:3]) > 0.9
    assert BLOCK % CHUNKS_PER_DOCUMENT == 0


class RecordingStore:
    """An empty store that records its searches."""

    def __init__(self):
        self.searches = []

    async def search(self, scope, query, *, limit, **where):
        self.searches.append((scope, query.text, query.words_share, query.feedback, query.smoothing, limit, where))
        return []


@pytest.mark.parametrize("question", ["Which metal is it made of?", "What does `RAG_DATA_DIR` do?"])
async def test_hybrid_mode_searches_as_the_product_does(question):
    product, program, settings = RecordingStore(), RecordingStore(), read_settings(Settings).retrieval
    vector, scope = clustered(1, seed=3)[0], Scope(tenant="few")
    await Retriever(product, settings).retrieve(
        scope, question, vector, limit=settings.limit, timer=ANSWER_STAGES.start()
    )
    await search(program, scope, "hybrid", [question], vector[None])
    assert program.searches == product.searches
