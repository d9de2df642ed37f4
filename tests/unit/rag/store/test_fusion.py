"""Properties of the fusion of two rankings, for any scores."""

from hypothesis import given
from hypothesis import strategies as st

from rag.store.fusion import SMOOTHED, Fused, fuse, smooth
from tests.support.contracts.store import direction

SCORES = st.floats(min_value=0, max_value=100, allow_nan=False).map(lambda score: round(score, 3))
RANKINGS = st.dictionaries(st.sampled_from("abcdefgh"), SCORES)
SHARES = st.floats(min_value=0, max_value=1)


def ids(fused) -> list[str]:
    return [point.id for point in fused]


@given(RANKINGS, RANKINGS, SHARES)
def test_every_point_of_both_rankings_comes_out_once_with_its_own_scores(dense, bm25, share):
    fused = fuse(dense, bm25, words_share=share)
    assert sorted(ids(fused)) == sorted(dense.keys() | bm25.keys())
    assert {point.id: point.dense for point in fused if point.dense is not None} == dense
    assert {point.id: point.bm25 for point in fused if point.bm25 is not None} == bm25


@given(RANKINGS, RANKINGS, SHARES)
def test_scores_lie_between_0_and_1_and_fall(dense, bm25, share):
    scores = [point.score for point in fuse(dense, bm25, words_share=share)]
    assert scores == sorted(scores, reverse=True)
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in scores)


@given(RANKINGS, RANKINGS, SHARES)
def test_the_order_of_a_ranking_does_not_matter(dense, bm25, share):
    assert fuse(dense, bm25, words_share=share) == fuse(
        dict(reversed(dense.items())), dict(reversed(bm25.items())), words_share=share
    )


@given(RANKINGS, RANKINGS, SHARES)
def test_a_point_that_leads_in_both_rankings_stays_ahead(dense, bm25, share):
    place = {point.id: index for index, point in enumerate(fuse(dense, bm25, words_share=share))}
    score = {point.id: point.score for point in fuse(dense, bm25, words_share=share)}
    both = dense.keys() & bm25.keys()
    for first in both:
        for second in both:
            if dense[first] >= dense[second] and bm25[first] >= bm25[second]:
                assert score[first] >= score[second] - 1e-9 or place[first] < place[second]


@given(RANKINGS, st.sampled_from([0.0, 0.3, 0.5]))
def test_without_one_ranking_the_other_one_decides(ranking, share):
    scores = [point.dense for point in fuse(ranking, {}, words_share=share)]
    assert scores == sorted(ranking.values(), reverse=True)


def test_vectors_that_all_point_away_keep_their_order():
    dense = {"less": -0.1, "more": -0.9}
    assert ids(fuse(dense, {}, words_share=0.0)) == ["less", "more"]


def test_empty_rankings_have_an_empty_fusion():
    assert fuse({}, {}, words_share=0.5) == []


def test_the_share_moves_the_first_place_from_one_ranking_to_the_other():
    dense = {"meant": 0.9, "said": 0.1}
    bm25 = {"said": 12.0, "meant": 1.0}
    assert [fuse(dense, bm25, words_share=share)[0].id for share in (0.0, 0.4, 0.6, 1.0)] == [
        "meant",
        "meant",
        "said",
        "said",
    ]


def found(*scores: float, axes: tuple[int, ...]):
    fused = [Fused(id=f"{n:02}", score=score, dense=None, bm25=None) for n, score in enumerate(scores)]
    return fused, {it.id: direction(axis) for it, axis in zip(fused, axes, strict=True)}


def test_a_passage_among_good_ones_passes_one_among_bad_ones():
    fused, vectors = found(1.0, 0.9, 0.5, 0.49, 0.2, 0.1, axes=(0, 0, 1, 0, 1, 1))
    assert ids(smooth(fused, vectors, share=0.2)) == ["00", "01", "03", "02", "04", "05"]


def test_two_passages_are_too_few_to_be_smoothed():
    fused, vectors = found(1.0, 0.5, axes=(0, 0))
    assert smooth(fused, vectors, share=0.5) == fused


def test_scores_of_zero_are_not_divided_by():
    ranking = {"a": 0.0, "b": 0.0}
    assert [point.score for point in fuse(ranking, ranking, words_share=0.5)] == [0.0, 0.0]


def test_a_passage_without_neighbours_keeps_its_score():
    fused, vectors = found(1.0, 0.6, 0.3, axes=(0, 1, 2))
    assert smooth(fused, vectors, share=0.5) == fused


def test_hits_that_are_not_smoothed_stay_behind_smoothed_ones():
    scores = [1 - n / 1000 for n in range(SMOOTHED + 5)]
    fused, vectors = found(*scores, axes=tuple(n % 3 for n in range(len(scores))))
    smoothed = smooth(fused, vectors, share=0.9)
    assert smoothed[SMOOTHED:] == fused[SMOOTHED:]
    assert [it.score for it in smoothed] == sorted((it.score for it in smoothed), reverse=True)
