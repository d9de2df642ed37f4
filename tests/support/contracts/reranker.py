"""The contract of rerankers. The test file of each adapter collects this suite."""

import math

import pytest

from service.retrieval.reranking.base import Reranker

QUESTION = "Who repairs pumps?"
PASSAGES = ["Pumps are repaired by fitters.", "Bread is baked.", "A long passage about valves. " * 80, "Zürich, 東京"]


class RerankerContract:
    """A subclass provides the fixture `reranker`."""

    async def test_it_returns_one_finite_score_per_passage(self, reranker: Reranker):
        scores = await reranker.score(QUESTION, PASSAGES)
        assert len(scores) == len(PASSAGES)
        assert all(math.isfinite(score) for score in scores)

    async def test_scores_belong_to_their_passages_in_any_order(self, reranker: Reranker):
        scores = dict(zip(PASSAGES, await reranker.score(QUESTION, PASSAGES), strict=True))
        reversed_scores = await reranker.score(QUESTION, PASSAGES[::-1])
        assert reversed_scores == pytest.approx([scores[passage] for passage in PASSAGES[::-1]], abs=1e-3)

    async def test_different_passages_get_different_scores(self, reranker: Reranker):
        assert len({round(score, 6) for score in await reranker.score(QUESTION, PASSAGES)}) == len(PASSAGES)

    async def test_more_passages_than_a_batch_are_scored_too(self, reranker: Reranker):
        passages = [f"Passage {number}." for number in range(reranker.batch_size + 3)]
        assert len(await reranker.score(QUESTION, passages)) == len(passages)

    async def test_it_names_its_model(self, reranker: Reranker):
        assert reranker.model
