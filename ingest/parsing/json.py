"""Parse JSON and JSON lines into lines of text, each value behind its path."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from ingest.parsing.outline import Outline, OutlineBuilder
from rag.errors import InvalidInput

# The builder cleans a block as one string in memory.
_LINES_PER_BLOCK: Final = 200
_TITLE: Final = "title"


def parse_json(text: str) -> Outline:
    """Return a section per nested value of the outermost object and a block per record of a list."""
    try:
        data = _loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text[: error.pos].count("\n") <= 1:
            # JSON lines are often stored with the suffix .json.
            return parse_json_lines(text)
        raise InvalidInput(f"invalid JSON in line {error.lineno}, column {error.colno}: {error.msg}") from error
    builder = OutlineBuilder()
    if not isinstance(data, dict):
        _add(data, builder)
        return builder.build()
    _add({key: value for key, value in data.items() if not _is_nested(value)}, builder)
    for key, value in data.items():
        if _is_nested(value):
            # A heading of level 1 would become the title.
            builder.add_heading(2, key)
            _add(value, builder)
    title = data.get(_TITLE)
    return builder.build(title=title if isinstance(title, str) else "")


def parse_json_lines(text: str) -> Outline:
    """Return one block per record."""
    builder = OutlineBuilder()
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                record = _loads(line)
            except json.JSONDecodeError as error:
                raise InvalidInput(f"invalid JSON in line {number}, column {error.colno}: {error.msg}") from error
            builder.add_block(" | ".join(_lines(record)))
    return builder.build()


def _loads(text: str) -> Any:
    """Parse JSON with numbers as text, so that 1.10 stays 1.10 and long integers are not limited."""
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) or _is_list_of_records(value)


def _is_list_of_records(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict | list) for item in value)


def _add(value: Any, builder: OutlineBuilder) -> None:
    for record in value if _is_list_of_records(value) else [value]:
        lines = _lines(record)
        while block := "\n".join(islice(lines, _LINES_PER_BLOCK)):
            builder.add_block(block)


def _lines(record: Any) -> Iterator[str]:
    """Yield lines such as `address.city: Rome` in order, without empty values.

    An explicit stack avoids Python's recursion limit on deeply nested data.
    """
    waiting: list[tuple[str, Any]] = [("", record)]
    while waiting:
        path, value = waiting.pop()
        match value:
            case dict():
                waiting.extend(reversed([(f"{path}.{key}" if path else key, child) for key, child in value.items()]))
            case list() if _is_list_of_records(value):
                waiting.extend(reversed([(f"{path}[{index}]", child) for index, child in enumerate(value)]))
            case list():
                yield from _line(path, ", ".join(map(_text_of, value)))
            case _:
                yield from _line(path, _text_of(value))


def _line(path: str, text: str) -> Iterator[str]:
    if text:
        yield f"{path}: {text}" if path else text


def _text_of(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
