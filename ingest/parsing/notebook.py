"""Parse Jupyter notebooks: text cells as Markdown, code cells as code, and what the code wrote."""

import json
import re
from collections.abc import Iterator
from typing import Any

from ingest.parsing.html.parser import add_html
from ingest.parsing.markdown.parser import add_markdown
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.text import fence_around
from rag.errors import InvalidInput

# Logs and printed data can be longer than the text of the notebook. A reader sees their beginning.
_MAX_OUTPUT_CHARACTERS = 10_000
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Text that a plotting library prints with its picture, such as <Figure size 640x480 with 1 Axes>.
_OBJECT_NAME = re.compile(r"<[^<>\n]*>")
_NAMES_OF_CODE = ("source", "input")


def parse_notebook(text: str) -> Outline:
    """Parse a notebook of format 3 or 4; raises `InvalidInput` if it has another form."""
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"invalid notebook in line {error.lineno}, column {error.colno}: {error.msg}"
        raise InvalidInput(reason) from error
    builder = OutlineBuilder()
    metadata = _mapping(notebook, "metadata")
    language = _language_of(metadata)
    for cell in _cells(notebook):
        _add_cell(cell, language, builder)
    return builder.build(title=_text(metadata.get("title")))


def _cells(notebook: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(notebook, dict) or not ("cells" in notebook or "worksheets" in notebook):
        raise InvalidInput("not a notebook: the JSON has no cells")
    # Format 3 has worksheets, of which every known program writes one.
    for sheet in [notebook, *_list(notebook, "worksheets")]:
        for cell in _list(sheet, "cells"):
            if isinstance(cell, dict):
                yield cell


def _language_of(metadata: dict[str, Any]) -> str:
    names = (_mapping(metadata, "language_info").get("name"), _mapping(metadata, "kernelspec").get("language"))
    return next((name for name in names if isinstance(name, str)), "")


def _add_cell(cell: dict[str, Any], language: str, builder: OutlineBuilder) -> None:
    source = next((_text(cell[name]) for name in _NAMES_OF_CODE if name in cell), "")
    match cell.get("cell_type"):
        case "markdown":
            add_markdown(source, builder)
        case "heading":
            level = cell.get("level")
            builder.add_heading(level if isinstance(level, int) and 1 <= level <= 6 else 1, source)
        case "code":
            _add_fenced(source, _text(cell.get("language")) or language, builder)
            for output in _list(cell, "outputs"):
                if isinstance(output, dict):
                    _add_output(output, builder)
        case _:
            builder.add_block(source)


def _add_output(output: dict[str, Any], builder: OutlineBuilder) -> None:
    match output.get("output_type"):
        case "error" | "pyerr":
            traceback = "\n".join(map(_text, _list(output, "traceback")))
            _add_printed(traceback or f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}", builder)
        case "stream":
            _add_printed(_text(output.get("text")), builder)
        case _:
            # Format 3 has the forms of a result in the output itself, under short names.
            _add_result(output | _mapping(output, "data"), builder)


def _add_result(forms: dict[str, Any], builder: OutlineBuilder) -> None:
    """Add the first form that keeps structure. Pictures have no text."""
    html = _text(forms.get("text/html") or forms.get("html"))
    markdown = _text(forms.get("text/markdown"))
    plain = _text(forms.get("text/plain") or forms.get("text"))
    if "<table" in html and len(html) <= _MAX_OUTPUT_CHARACTERS:
        add_html(html, builder)
    elif markdown and len(markdown) <= _MAX_OUTPUT_CHARACTERS:
        add_markdown(markdown, builder)
    elif not _OBJECT_NAME.fullmatch(plain.strip()):
        _add_printed(plain, builder)


def _add_printed(text: str, builder: OutlineBuilder) -> None:
    text = _ANSI.sub("", text)
    if len(text) > _MAX_OUTPUT_CHARACTERS:
        message = f"Outputs of code were cut after {_MAX_OUTPUT_CHARACTERS:,} characters."
        builder.warn("cut_text", message, place=f"the output that begins with {text[:40].strip()!r}")
        text = text[:_MAX_OUTPUT_CHARACTERS]
    _add_fenced(text, "", builder)


def _add_fenced(code: str, language: str, builder: OutlineBuilder) -> None:
    code = code.strip("\n")
    if code.strip():
        fence = fence_around(code)
        builder.add_block(f"{fence}{language}\n{code}\n{fence}")


def _text(value: Any) -> str:
    """Return text that a notebook stores as a string or as a list of lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def _list(fields: Any, name: str) -> list[Any]:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, list) else []


def _mapping(fields: Any, name: str) -> dict[str, Any]:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, dict) else {}
