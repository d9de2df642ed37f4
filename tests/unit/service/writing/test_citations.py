"""Citations that models write, split at any character."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.writing.citations import CitationNormaliser

PASSAGES = 5

SHAPES = [
    ("The bridge opened in 1932 [1].", "The bridge opened in 1932 [1].", {1}),
    ("It opened[1] in March[2].", "It opened[1] in March[2].", {1, 2}),
    ("It opened [1, 3].", "It opened [1][3].", {1, 3}),
    ("It opened [1,3,4].", "It opened [1][3][4].", {1, 3, 4}),
    ("It opened [2;4].", "It opened [2][4].", {2, 4}),
    ("It opened [1 and 2].", "It opened [1][2].", {1, 2}),
    ("It opened [1, 2, and 3].", "It opened [1][2][3].", {1, 2, 3}),
    ("It opened [2-4].", "It opened [2][3][4].", {2, 3, 4}),
    ("It opened [2–4].", "It opened [2][3][4].", {2, 3, 4}),
    ("It opened [1-2, 5].", "It opened [1][2][5].", {1, 2, 5}),
    ("It opened [1][2].", "It opened [1][2].", {1, 2}),
    ("It opened [1] [2].", "It opened [1] [2].", {1, 2}),
    ("It opened [ 3 ].", "It opened [3].", {3}),
    ("It opened [[3]].", "It opened [3].", {3}),
    ("It opened [^3].", "It opened [3].", {3}),
    (r"It opened \[3\].", "It opened [3].", {3}),
    ("It opened 【3】.", "It opened [3].", {3}),
    ("It opened ［３］.", "It opened [3].", {3}),
    ("It opened 【3†source】.", "It opened [3].", {3}),
    ("It opened 【3†L2-L9】.", "It opened [3].", {3}),
    ("It opened [Source 3].", "It opened [3].", {3}),
    ("It opened [source: 3].", "It opened [3].", {3}),
    ("It opened [Passage 3, Passage 4].", "It opened [3][4].", {3, 4}),
    ("It opened [Passages 3 and 4].", "It opened [3][4].", {3, 4}),
    ("It opened [doc 2].", "It opened [2].", {2}),
    ("It opened [doc2].", "It opened [2].", {2}),
    ("It opened [passage_2].", "It opened [2].", {2}),
    ("It opened [Passage #2].", "It opened [2].", {2}),
    ("It opened [1 | 2].", "It opened [1][2].", {1, 2}),
    ("It opened [Source 2: bridge.md].", "It opened [2].", {2}),
    ("It opened [2, p. 14].", "It opened [2].", {2}),
    ("Die Brücke [Quelle 2].", "Die Brücke [2].", {2}),
    ("橋は開通した[来源2]。", "橋は開通した[2]。", {2}),
    ("It opened [1 to 3].", "It opened [1][2][3].", {1, 2, 3}),
    ("It opened [1..3].", "It opened [1][2][3].", {1, 2, 3}),
    ("It opened [1−3].", "It opened [1][2][3].", {1, 2, 3}),
    ("It opened [1]–[3].", "It opened [1][2][3].", {1, 2, 3}),
    ("It opened [1]–the first.", "It opened [1]–the first.", {1}),
    ("It opened [cite: 1, 2].", "It opened [1][2].", {1, 2}),
    ("[cite_start]It opened[cite: 1].", "It opened[1].", {1}),
    ("It opened [^1^][^2^].", "It opened [1][2].", {1, 2}),
    ("It opened [**2**].", "It opened [2].", {2}),
    ("It opened [see passage 2].", "It opened [2].", {2}),
    ("It opened 【1:0†source】.", "It opened [1].", {1}),
    ("It opened [1↑source].", "It opened [1].", {1}),
    ("It opened 〖2〗.", "It opened [2].", {2}),
    ("It opened (Source 2).", "It opened [2].", {2}),
    ("It opened (see passages 1 and 3).", "It opened [1][3].", {1, 3}),
    ("It opened.<sup>2</sup>", "It opened.[2]", {2}),
    ("It opened <sup>[1, 2]</sup>.", "It opened [1][2].", {1, 2}),
    ('It opened <cite id="a">2</cite>.', "It opened [2].", {2}),
    ("It opened.¹", "It opened.[1]", {1}),
    ("It opened there² today.", "It opened there[2] today.", {2}),
    ('The report: "It opened"[2].', 'The report: "It opened"[2].', {2}),
    ("See [1](https://example.org/1).", "See [1](https://example.org/1).", {1}),
    ("It opened [1]\nThen [2]", "It opened [1]\nThen [2]", {1, 2}),
]

CODE_AND_PROSE = [
    "Call `argv[1]` and `rows[2]` in the script.",
    "Call argv[1] or x[2] or row_ids[3] or m[1][2] there.",
    "```python\nprint(rows[1], [2])\n```\nThat is all.",
    "~~~\nrows[1]\n[2]\n~~~",
    "Text:\n\n   ```\n   a[1] [2]\n   ```\nDone.",
    "``a`b[1]`` stays.",
    "The option (1) and the list [x] and [ ] and [the docs](https://example.org/a[1]).",
    "<code>rows[1]</code> and <pre>\n[1]\n</pre> stay.",
    "20 m<sup>2</sup> of <b>1</b> in a <cite>report</cite> (source of the river), (source)",
    "Zero is rows[0] or (1) of them.",
    "The interval [0, 1] and the year [2024].",
    "The area is 20 m² and the energy mc², 10³ times.",
    pytest.param("It opened." + "¹" * 5_000, id="more digits than Python reads as a number"),
    "A range [4-2] and a time [12:30] and a version [1.2].",
    "An open [1, 2 without an end",
    "A backslash \\ and \\n and \\[x\\] stay.",
    "~ five minutes, 2 ~ 3",
    "",
]

REMOVED = [
    ("It opened [7].", "It opened.", 1),
    ("It opened [1, 7].", "It opened [1].", 1),
    ("It opened [7] in March.", "It opened in March.", 1),
    ("It opened [7][8].", "It opened.", 2),
    ("It opened [7] [8], then closed.", "It opened, then closed.", 2),
    ("[7] It opened.", "It opened.", 1),
    ("It opened.\n[7] It closed.", "It opened.\nIt closed.", 1),
    ("It opened [3-8].", "It opened [3][4][5].", 3),
    ("It opened [7]and closed.", "It opened and closed.", 1),
    ("It opened [0].", "It opened.", 1),
    ("It opened ([9]).", "It opened.", 1),
    ("It opened (Source 9).", "It opened.", 1),
    ("It opened ([1], [9]).", "It opened ([1]).", 1),
    ("It opened ([9], [8]).", "It opened.", 2),
    ("It opened ([9]; [1]).", "It opened ([1]).", 1),
    ("It opened [1], [9], and closed.", "It opened [1], and closed.", 1),
    ("It opened [1], [9], [2].", "It opened [1], [2].", 1),
    ("It opened [9], [1], [2].", "It opened [1], [2].", 1),
    ("It opened [9], then closed.", "It opened, then closed.", 1),
    ("[9], [1] It opened.", "[1] It opened.", 1),
    ("It opened [4]-[7].", "It opened [4][5].", 2),
    ("It opened [Source 9]", "It opened", 1),
    ("A lone backtick ` and [9] x [1].", "A lone backtick ` and x [1].", 1),
]


def normalise(*pieces: str) -> tuple[str, CitationNormaliser]:
    normaliser = CitationNormaliser(PASSAGES)
    text = "".join([*map(normaliser.push, pieces), normaliser.end()])
    return text, normaliser


def in_single_characters(text: str) -> list[str]:
    return list(text)


@pytest.mark.parametrize("split", [lambda text: [text], in_single_characters], ids=["whole", "characters"])
@pytest.mark.parametrize(("written", "text", "cited"), SHAPES, ids=[written for written, *_ in SHAPES])
def test_each_shape_of_a_citation_becomes_numbers_in_brackets(written, text, cited, split):
    normalised, normaliser = normalise(*split(written))
    assert normalised == text
    assert (normaliser.cited, normaliser.removed) == (cited, 0)


@pytest.mark.parametrize("split", [lambda text: [text], in_single_characters], ids=["whole", "characters"])
@pytest.mark.parametrize("written", CODE_AND_PROSE)
def test_brackets_that_cite_nothing_stay(written, split):
    normalised, normaliser = normalise(*split(written))
    assert normalised == written
    assert (normaliser.cited, normaliser.removed) == (set(), 0)


@pytest.mark.parametrize("split", [lambda text: [text], in_single_characters], ids=["whole", "characters"])
@pytest.mark.parametrize(("written", "text", "removed"), REMOVED)
def test_numbers_without_a_passage_are_removed_and_counted(written, text, removed, split):
    normalised, normaliser = normalise(*split(written))
    assert (normalised, normaliser.removed) == (text, removed)


MARKS = [
    "[1]",
    "[1, 7]",
    "[9]",
    "[",
    "]",
    "[[2]]",
    "【3】",
    "\\[1\\]",
    "\\",
    "†",
    "²",
    "¹",
    "(",
    "-",
    ", ",
    "1",
    "source ",
    "(source 1)",
    "<sup>2</sup>",
    "<code>",
    "[1]-[3]",
    ")",
]
CODE = ["`", "``", "```", "~~~", "\n", " ", "  ", "x", "word", "argv", ". "]
PARTS = st.lists(st.sampled_from([*MARKS, *CODE]), max_size=14).map("".join)


@given(PARTS, st.lists(st.integers(0, 60)))
def test_the_text_does_not_depend_on_where_it_is_split(text, cuts):
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(bounds)]
    whole, in_pieces = normalise(text), normalise(*pieces)
    assert in_pieces[0] == whole[0]
    assert (in_pieces[1].cited, in_pieces[1].removed) == (whole[1].cited, whole[1].removed)


@given(st.text(alphabet=st.characters(exclude_characters="[]【】［］〔〕⁰¹²³⁴⁵⁶⁷⁸⁹\\")), st.lists(st.integers(0, 99)))
def test_text_without_brackets_is_not_changed(text, cuts):
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    assert normalise(*(text[a:b] for a, b in itertools.pairwise(bounds)))[0] == text.rstrip()


def test_text_is_held_back_only_while_a_bracket_is_open():
    normaliser = CitationNormaliser(PASSAGES)
    assert normaliser.push("It opened [") == "It opened"
    assert normaliser.push("1") == ""
    assert normaliser.push("] in") == " [1] in"
    assert normaliser.push(" an array [" + "of numbers and more " * 5).startswith(" an array [of numbers")
