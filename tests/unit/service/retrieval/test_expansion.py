"""Expansion of passages by neighbours, within a token budget."""

from dataclasses import replace

from rag.types import Place
from service.retrieval.expansion import expand, neighbour_filter
from tests.support.passages import chunk, hit, texts

PARTS = [chunk(f"Part {n} of the text.", ordinal=n) for n in range(7)]


def test_a_passage_gets_its_nearest_neighbours_in_reading_order():
    [expanded] = expand([hit("Part 3 of the text.", ordinal=3)], PARTS, tokens=1000)
    assert expanded.chunk.text == "\n\n".join(f"Part {n} of the text." for n in (1, 2, 3, 4, 5))
    assert expanded.chunk.ordinal == 3


def test_the_place_covers_the_rows_of_added_neighbours_of_the_same_sheet():
    sheets = ("Sales", "Sales", "Costs")
    rows = [
        replace(chunk(f"Rows {n}.", ordinal=n), place=Place(sheet=sheet, rows=(10 * n + 1, 10 * n + 9)))
        for n, sheet in enumerate(sheets)
    ]
    found = replace(hit("Rows 1.", ordinal=1), chunk=rows[1])
    [expanded] = expand([found], rows, tokens=1000)
    assert expanded.chunk.place == Place(sheet="Sales", rows=(1, 19))


def test_the_budget_is_shared_and_the_best_passage_is_expanded_first():
    hits = [hit("Part 1 of the text.", ordinal=1), hit("Part 5 of the text.", ordinal=5)]
    first, second = texts(expand(hits, PARTS, tokens=25))
    assert "Part 2" in first
    assert second == "Part 5 of the text."
    assert texts(expand(hits, PARTS, tokens=1)) == texts(hits)


def test_hits_and_passages_of_another_heading_or_version_are_not_added():
    others = [chunk("Elsewhere.", ordinal=2, heading="Other"), chunk("Before.", ordinal=0, version="v0")]
    hits = [hit("Mine.", ordinal=1), hit("Hit too.", ordinal=3)]
    assert texts(expand(hits, [*others, chunk("Hit too.", ordinal=3)], tokens=1000)) == ["Mine.", "Hit too."]


def test_a_neighbour_may_fill_the_budget_exactly():
    found = [hit("12345", ordinal=0)]
    for neighbour, expanded in (("678901234", "12345\n678901234"), ("6789012345", "12345")):
        assert texts(expand(found, [chunk(neighbour, ordinal=1)], tokens=5)) == [expanded]


def test_a_neighbour_behind_a_gap_is_not_added():
    [expanded] = expand([hit("Mine.", ordinal=0)], [chunk("Far.", ordinal=2)], tokens=1000)
    assert expanded.chunk.text == "Mine."


def test_a_neighbour_is_added_to_one_passage_only():
    hits = [hit("First.", ordinal=0), hit("Third.", ordinal=2)]
    assert texts(expand(hits, [chunk("Second.", ordinal=1)], tokens=1000)) == ["First.\n\nSecond.", "Third."]


def test_the_overlap_of_neighbours_appears_once():
    shared = "these words stand in both of them"
    [expanded] = expand([hit(f"A start, {shared}", ordinal=0)], [chunk(f"{shared}, and an end.", ordinal=1)], tokens=99)
    assert expanded.chunk.text == f"A start, {shared}, and an end."


def test_an_expanded_passage_contains_the_original_text():
    hits = [hit(PARTS[n].text, ordinal=n) for n in (0, 3, 6)]
    for found, expanded in zip(hits, expand(hits, PARTS, tokens=1000), strict=True):
        assert found.chunk.text in expanded.chunk.text


def test_one_filter_matches_the_neighbours_of_all_documents():
    wanted = neighbour_filter([hit("a", document="a", ordinal=0), hit("b", document="b", ordinal=4)])
    assert wanted.document_ids == ("a", "b")
    assert wanted.ordinals == (0, 1, 2, 3, 4, 5, 6)
