"""A passage and what stands around it, stitched within a budget."""

from service.retrieval.expansion import expand, neighbour_filter
from tests.support.passages import chunk, hit, texts

PARTS = [chunk(f"Part {n} of the text.", ordinal=n) for n in range(7)]


def test_a_passage_gets_its_nearest_neighbours_in_reading_order():
    [expanded] = expand([hit("Part 3 of the text.", ordinal=3)], PARTS, tokens=1000)
    assert expanded.chunk.text == "\n\n".join(f"Part {n} of the text." for n in (1, 2, 3, 4, 5))
    assert expanded.chunk.ordinal == 3


def test_the_budget_counts_all_passages_and_the_best_one_is_served_first():
    hits = [hit("Part 1 of the text.", ordinal=1), hit("Part 5 of the text.", ordinal=5)]
    first, second = texts(expand(hits, PARTS, tokens=25))
    assert "Part 2" in first
    assert second == "Part 5 of the text."
    assert texts(expand(hits, PARTS, tokens=1)) == texts(hits)


def test_what_is_a_hit_itself_or_under_another_heading_or_of_another_version_is_left_alone():
    others = [chunk("Elsewhere.", ordinal=2, heading="Other"), chunk("Before.", ordinal=0, version="v0")]
    hits = [hit("Mine.", ordinal=1), hit("Hit too.", ordinal=3)]
    assert texts(expand(hits, [*others, chunk("Hit too.", ordinal=3)], tokens=1000)) == ["Mine.", "Hit too."]


def test_a_neighbour_behind_a_gap_is_not_stitched():
    [expanded] = expand([hit("Mine.", ordinal=0)], [chunk("Far.", ordinal=2)], tokens=1000)
    assert expanded.chunk.text == "Mine."


def test_a_neighbour_goes_to_one_passage_only():
    hits = [hit("First.", ordinal=0), hit("Third.", ordinal=2)]
    assert texts(expand(hits, [chunk("Second.", ordinal=1)], tokens=1000)) == ["First.\n\nSecond.", "Third."]


def test_what_neighbours_have_in_common_stands_once():
    shared = "these words stand in both of them"
    [expanded] = expand([hit(f"A start, {shared}", ordinal=0)], [chunk(f"{shared}, and an end.", ordinal=1)], tokens=99)
    assert expanded.chunk.text == f"A start, {shared}, and an end."


def test_every_found_passage_stands_word_for_word_in_its_expanded_form():
    hits = [hit(PARTS[n].text, ordinal=n) for n in (0, 3, 6)]
    for found, expanded in zip(hits, expand(hits, PARTS, tokens=1000), strict=True):
        assert found.chunk.text in expanded.chunk.text


def test_neighbours_of_many_documents_are_asked_for_at_once():
    wanted = neighbour_filter([hit("a", document="a", ordinal=0), hit("b", document="b", ordinal=4)])
    assert wanted.document_ids == ("a", "b")
    assert wanted.ordinals == (0, 1, 2, 3, 4, 5, 6)
