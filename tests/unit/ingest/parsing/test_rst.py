import time

import pytest

from tests.support.formats.documents import parse_document, section

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

    assert document.sections == (section("Text.", "Title", "A"),)


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

    assert parse_document(f"Head\n----\n\n{table}", "text/x-rst").sections == (section(table.strip(), "Head"),)


@pytest.mark.parametrize(
    "body",
    [
        *("*" * 200_000, "`" * 200_000, ":a:`" * 50_000, "``a" * 50_000, "=\n" * 50_000, "::\n " * 50_000),
        *("a\n=\n" * 20_000, "a\n=\n\n" * 20_000, "x" * 1_000_000),
        "".join(" " * depth + ".. note::\n" for depth in range(2_000)) + "text",
    ],
)
def test_hostile_input_is_parsed_in_linear_time(body):
    began = time.process_time()
    parse_document("Text.\n\n" + body, "text/x-rst")
    assert time.process_time() - began < 5
