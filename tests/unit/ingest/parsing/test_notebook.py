import json
from typing import Any

import pytest

from ingest.parsing.notebook import parse_notebook
from ingest.parsing.outline import Outline
from rag.errors import InvalidInput
from tests.support.formats.documents import section


def notebook(*cells: Any, language: str = "python") -> Outline:
    return parse_notebook(
        json.dumps({"nbformat": 4, "metadata": {"language_info": {"name": language}}, "cells": list(cells)})
    )


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def test_cells_are_read_in_order_as_text_and_as_code_in_their_language():
    outline = notebook(
        {"cell_type": "markdown", "source": ["# Load *data*\n", "\n", "Read the file."]},
        code("x = '```'", {"output_type": "stream", "text": ["1\n", "2\n"]}),
        {"cell_type": "raw", "source": "As it is"},
        language="julia",
    )

    assert outline.title == "Load data"
    assert outline.sections == (
        section("Read the file.\n\n```julia\nx = '```'\n```\n\n```\n1\n2\n```\n\nAs it is", "Load data"),
    )


def test_a_table_keeps_its_labels_and_a_picture_has_no_text():
    table = "<table><thead><tr><th>Name<th>Born</thead><tr><td>Ada<td>1815</table>"
    outline = notebook(
        code("df", {"output_type": "execute_result", "data": {"text/html": table, "text/plain": "Name Born"}}),
        code(
            "plot()", {"output_type": "display_data", "data": {"image/png": "AA", "text/plain": ["<Figure size 1x1>"]}}
        ),
    )

    assert "Figure" not in outline.sections[0].text
    assert "1815" in outline.sections[0].text
    assert "Name Born" not in outline.sections[0].text


def test_an_error_is_shown_without_its_colours_and_a_long_output_is_cut_with_a_warning():
    outline = notebook(
        code("f()", {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[0;31mE\x1b[0m: v"]}),
        code("log()", {"output_type": "stream", "text": "line\n" * 10_000}),
    )

    assert "```\nE: v\n```" in outline.sections[0].text
    assert len(outline.sections[0].text) < 11_000
    assert [warning.code for warning in outline.warnings] == ["cut_text"]


def test_notebooks_of_format_3_are_read():
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Two"},
        {
            "cell_type": "code",
            "input": ["1 + 1"],
            "language": "python",
            "outputs": [{"output_type": "pyout", "text": "2"}],
        },
    ]
    outline = parse_notebook(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}))

    assert outline.sections == (section("```python\n1 + 1\n```\n\n```\n2\n```", "Two"),)


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "invalid notebook in line 1"), ("[]", "no cells"), ('{"a": 1}', "no cells")]
)
def test_what_is_not_a_notebook_is_rejected(text, reason):
    with pytest.raises(InvalidInput, match=reason):
        parse_notebook(text)


def test_values_of_wrong_types_are_passed_over():
    cells = [
        None,
        1,
        {"cell_type": "code", "source": {"a": 1}, "outputs": "x"},
        {"cell_type": "markdown", "source": "kept"},
    ]

    assert notebook(*cells).sections == (section("kept"),)
