"""Which tenants have word weights of their own."""

from types import SimpleNamespace

from rag.store.word_weights import to_statistics


def test_only_tenants_whose_chunks_are_too_many_to_count_in_a_search_share_the_weights_of_the_collection():
    hits = [SimpleNamespace(value="large", count=100_001), SimpleNamespace(value="small", count=100_000)]
    statistics = to_statistics([SimpleNamespace(value="en", count=1)], hits)
    assert statistics.languages == {"en"}
    assert [statistics.weighs_alone(tenant) for tenant in ("large", "small", "new")] == [False, True, True]
