"""Made passages are the same each time and like real ones; a collection of them is loaded, asked and gone on with."""

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
    intrinsic_dimension,
    make_points,
    make_vectors,
    scope_of,
    to_material,
)
from service.metrics import ANSWER_STAGES
from service.retrieval.retriever import Retriever
from service.settings import Settings

DIMENSION = 32


def clustered(count: int, seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((20, DIMENSION))
    vectors = centres[chance.integers(20, size=count)] + 0.4 * chance.standard_normal((count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def material():
    texts = [f"The part {n} turns. It is made of metal {n % 7}. Close valve {n}." for n in range(400)]
    return to_material(texts, clustered(400, seed=1))


def test_a_block_is_the_same_whenever_it_is_made_and_another_one_is_another(material):
    assert np.array_equal(make_vectors(material, 3), make_vectors(material, 3))
    assert not np.array_equal(make_vectors(material, 3), make_vectors(material, 4))
    assert np.linalg.norm(make_vectors(material, 3), axis=1) == pytest.approx(1, abs=1e-5)


def test_vectors_of_points_are_those_of_their_block_and_texts_are_of_real_sentences(material):
    documents = list(make_points(material, 0))
    vectors = np.concatenate([[point.vector for point in points] for _, points in documents])
    assert np.array_equal(vectors, make_vectors(material, 0))
    known = {sentence for text in material.texts for sentence in text.rstrip(".").split(". ")}
    _, points = documents[0]
    assert {sentence for point in points for sentence in point.chunk.text.rstrip(".").split(". ")} <= known


def test_tenants_have_their_shares():
    owners = [scope_of(number) for number in range(1000)]
    assert {scope: owners.count(scope) / 1000 for scope in TENANTS} == TENANTS


def test_neighbours_are_the_nearest_but_itself(material):
    similarities = material.vectors @ material.vectors.T
    np.fill_diagonal(similarities, -1)
    for row in (0, 150, 399):
        assert set(material.neighbours[row]) == set(np.argsort(-similarities[row])[:16])


def test_the_intrinsic_dimension_is_that_of_what_was_drawn():
    chance = np.random.default_rng(5)
    for dimension in (3, 8):
        flat = np.zeros((4000, DIMENSION), dtype=np.float32)
        flat[:, : dimension + 1] = chance.standard_normal((4000, dimension + 1))
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        assert intrinsic_dimension(flat[:300], flat) == pytest.approx(dimension, rel=0.2)


async def test_a_collection_is_loaded_searched_and_gone_on_with(material, tmp_path, monkeypatch):
    # The builder of so small a graph is there for half a second.
    monkeypatch.setattr("research.engine_at_scale.peak_memory._SAMPLE_SECONDS", 0.01)
    corpus = Corpus(
        material=material,
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
    """A store that has nothing, and keeps what it was asked for."""

    def __init__(self):
        self.asked = []

    async def search(self, scope, query, *, limit, **where):
        self.asked.append((scope, query.text, query.words_share, query.feedback, query.smoothing, limit, where))
        return []


@pytest.mark.parametrize("question", ["Which metal is it made of?", "What does `RAG_DATA_DIR` do?"])
async def test_hybrid_asks_the_store_for_what_the_product_asks_for(question):
    product, program, settings = RecordingStore(), RecordingStore(), read_settings(Settings).retrieval
    vector, scope = clustered(1, seed=3)[0], Scope(tenant="few")
    await Retriever(product, settings).retrieve(
        scope, question, vector, limit=settings.limit, timer=ANSWER_STAGES.start()
    )
    await search(program, scope, "hybrid", [question], vector[None])
    assert program.asked == product.asked
