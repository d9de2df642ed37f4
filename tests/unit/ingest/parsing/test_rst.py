import time

import pytest

from tests.support.formats.documents import bare_sections, parse_document, section

PEP = """PEP: 8
Title: Style ``Guide``
Status: Active

Introduction
============

See :pep:`257` and the `essay <https://example.org/>`_, or :func:`~os.path.join` [1]_.

Names
=====

One
---

Never ``l`` or *this*.

Two
---

Text.
"""


def text(body: str) -> str:
    return "\n\n".join(part.text for part in parse_document(body, "text/x-rst").sections)


def test_the_order_of_underline_characters_defines_the_heading_levels():
    document = parse_document(PEP, "text/x-rst")

    assert document.title == "Style Guide"
    assert [part.heading_path for part in document.sections] == [
        (),
        ("Introduction",),
        ("Names", "One"),
        ("Names", "Two"),
    ]


def test_the_markup_of_roles_references_and_emphasis_is_removed():
    assert parse_document(PEP, "text/x-rst").sections[1].text == "See PEP 257 and the essay, or os.path.join [1]."


def test_a_heading_with_an_overline_is_another_level():
    document = parse_document("=====\nTitle\n=====\n\nA\n=\n\nText.\n", "text/x-rst")

    assert bare_sections(document) == (section("Text.", "Title", "A"),)


def test_the_lines_of_a_paragraph_are_joined_and_list_items_stay_apart():
    assert text("One\ntwo\nthree.\n\n* a\n  b\n* c\n") == "One two three.\n\n* a b\n* c"


def test_code_keeps_its_lines_and_its_markup():
    assert text("Such as::\n\n    if *a*:\n        ``b``\n\nAfter.\n") == (
        "Such as:\n\n```\nif *a*:\n    ``b``\n```\n\nAfter."
    )
    assert text(".. code-block:: python\n   :linenos:\n\n   x = 1\n") == "```python\nx = 1\n```"


def test_directives_become_readable_text():
    body = ".. note:: Be careful.\n\n.. function:: f(a)\n   :module: x\n\n   Does it.\n\n   .. versionadded:: 3.1\n"

    assert text(body) == "Note: Be careful.\n\nf(a)\n\nDoes it.\n\nNew in version 3.1"


def test_comments_targets_and_tables_of_contents_are_dropped():
    assert text("A.\n\n.. a comment\n   goes on\n\n.. _target: https://example.org\n\n.. toctree::\n\n   x\n") == "A."


def test_a_table_border_is_not_a_heading():
    table = "====  ====\na     b\n====  ====\n1     2\n====  ====\n"

    assert bare_sections(parse_document(f"Head\n----\n\n{table}", "text/x-rst")) == (section("a: 1 | b: 2", "Head"),)


def test_a_session_of_an_interpreter_keeps_its_lines():
    assert text("So:\n\n>>> x = 1\n>>> x\n1\n\nDone.\n") == "So:\n\n```\n>>> x = 1\n>>> x\n1\n```\n\nDone."


def test_a_quoted_literal_block_keeps_its_lines():
    assert text("He wrote::\n\n> one\n> two\n\nDone.\n") == "He wrote:\n\n```\n> one\n> two\n```\n\nDone."


def test_each_value_of_a_table_stands_behind_its_column():
    grid = (
        "+------+------------+\n| Item | 2024       |\n|      +-----+------+\n|      | low | high |\n"
        "+======+=====+======+\n| Rope | 1   | 2    |\n| long |     |      |\n+------+-----+------+\n"
        "| Hook | 7          |\n+------+------------+\n"
    )
    assert text(grid) == (
        "Item: Rope long | 2024 / low: 1 | 2024 / high: 2\n\nItem: Hook | 2024 / low: 7 | 2024 / high: 7"
    )
    assert text("===  ===\na    b\n===  ===\n1    2\n     3\n4    5\n===  ===\n") == "a: 1 | b: 2 3\n\na: 4 | b: 5"
    csv = '.. csv-table:: Fees\n   :header: "Item", "Fee"\n\n   "Rope, long", 12\n'
    assert text(csv) == "Fees\n\nItem: Rope, long | Fee: 12"
    listed = (
        ".. list-table::\n   :header-rows: 1\n\n   * - Item\n     - Fee\n   * - Rope\n     -\n   * - Hook\n     - 7\n"
    )
    assert text(listed) == "Item: Rope\n\nItem: Hook | Fee: 7"


def test_terms_fields_options_and_lines_stay_apart():
    assert text("Fuse\n  16 A\nLamp : part\n  5 W\n") == "Fuse: 16 A\n\nLamp (part): 5 W"
    assert text(":Author: Ada\n:Version: 3\n") == "Author: Ada\nVersion: 3"
    assert text("-f FILE  read it\n-v  be loud\n") == "-f FILE  read it\n-v  be loud"
    assert text("| one\n| two\n") == "one\ntwo"


def test_substitutions_raised_characters_and_contacts_keep_their_meaning():
    body = ".. |grip| replace:: Grip 3000\n.. _us: mailto:a@b.example\n\n"
    body += "|grip|: 10\\ :sup:`6`, H\\ :sub:`2`\\ O; ask us_.\n"

    assert text(body) == "Grip 3000: 10^6, H2O; ask us (a@b.example)."


def test_a_footnote_may_begin_below_its_label():
    assert text("Rose to 40 [1]_.\n\n.. [1]\n   Preliminary.\n") == "Rose to 40 [1].\n\n[1] Preliminary."


def test_a_file_that_is_included_is_warned_about():
    document = parse_document("A.\n\n.. literalinclude:: a.py\n", "text/x-rst")

    assert [(warning.code, warning.place) for warning in document.warnings] == [("dropped_object", "line 3")]


def test_each_block_has_its_line_in_the_file():
    [only] = parse_document("T\n=\n\na\n\n.. note:: b\n\n   c\n\n* d\n\n::\n\n    e\n", "text/x-rst").sections

    lines = [(only.text[offset:].split("\n")[0], place.line) for offset, place in only.places]
    assert lines == [("a", 4), ("Note: b", 6), ("c", 8), ("* d", 10), (":", 12), ("```", 14)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        *("+-+\n" * 40_000, "== ==\nx\n\n" * 40_000, ("+" * 400 + "\n") * 400, "a\n b\n" * 40_000, "|a" * 100_000),
        *("*" * 200_000, "`" * 200_000, ":a:`" * 50_000, "``a" * 50_000, "=\n" * 50_000, "::\n " * 50_000),
        *("a\n=\n" * 20_000, "a\n=\n\n" * 20_000, "x" * 1_000_000),
        "".join(" " * depth + ".. note::\n" for depth in range(2_000)) + "text",
    ],
)
def test_hostile_input_is_parsed_in_linear_time(body):
    began = time.process_time()
    parse_document("Text.\n\n" + body, "text/x-rst")
    # Quadratic time would be minutes.
    assert time.process_time() - began < 30
