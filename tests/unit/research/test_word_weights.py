"""The study of words over shards and tenants compares what it says it compares."""

import pytest

from evals.datasets import CorpusDocument, Dataset
from rag.types import Scope
from research.word_weights.comparisons import compare_shards
from research.word_weights.words import fill, rank, rank_all, to_point

_OURS, _THEIRS = Scope(tenant="ours"), Scope(tenant="theirs")


def test_the_counts_of_the_shard_contain_other_tenants_and_those_of_the_tenant_do_not(tmp_path):
    ours = [to_point("pump", "The pump is red."), to_point("valve", "The valve is blue.")]
    theirs = [to_point(f"other {number}", "A pump again.") for number in range(50)]
    shard = fill(tmp_path / "shard", [(_OURS, ours), (_THEIRS, theirs)])
    [(common, name)] = rank(shard, _OURS, "Which pump?", by_tenant=False)
    [(own, _)] = rank(shard, _OURS, "Which pump?", by_tenant=True)
    assert name == "pump"
    assert common < 0.1 < own


def test_several_shards_are_merged_by_the_score_that_each_gave(tmp_path):
    near = fill(tmp_path / "near", [(_OURS, [to_point("a", "pump pump pump"), to_point("b", "valve")])])
    far = fill(tmp_path / "far", [(_OURS, [to_point("c", "the pump beside the long wall of the old harbour")])])
    merged = rank_all([far, near], _OURS, "pump", by_tenant=False)
    assert [name for _, name in merged] == ["a", "c"]
    assert merged[0] == rank(near, _OURS, "pump", by_tenant=False)[0]


@pytest.mark.slow
def test_one_shard_loses_nothing_against_itself(tmp_path):
    words = ("pump", "valve", "seal", "motor")
    documents = [CorpusDocument(id=f"d{n}", title="", text=f"{words[n % 4]} number {n}") for n in range(40)]
    dataset = Dataset(
        name="demo",
        split="test",
        documents=documents,
        questions={"q": "pump number 8"},
        relevant={"q": {"d8": 1}},
    )
    [same] = compare_shards(dataset, tmp_path, chunks=40, shards=[1])
    assert (same.same_first, same.in_common, same.ndcg, same.ndcg_of_one) == (1.0, 1.0, 1.0, 1.0)
