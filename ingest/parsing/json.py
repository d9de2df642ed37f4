"""Parse JSON and JSON lines into lines of text, each value behind its path."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ingest.parsing.outline import Outline, OutlineBuilder
from rag.errors import InvalidInput
from rag.types import Place

_TITLE = "title"
_MAX_NAMED_LINES = 20


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
    """Return one block per record. Lines that are not valid JSON are left out with a warning, unless all are."""
    builder = OutlineBuilder()
    damaged: list[tuple[int, str]] = []
    records = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                record = _loads(line)
            except json.JSONDecodeError as error:
                damaged.append((number, f"in line {number}, column {error.colno}: {error.msg}"))
            except RecursionError:
                damaged.append((number, f"in line {number}: nested too deeply"))
            else:
                records += 1
                builder.add_block(" | ".join(_lines(record)), Place(line=number))
    if damaged and not records:
        raise InvalidInput(f"invalid JSON {damaged[0][1]}")
    if damaged:
        lines = ", ".join(str(number) for number, _ in damaged[:_MAX_NAMED_LINES])
        message = f"Lines that are not valid JSON were left out, the first {damaged[0][1]}."
        builder.warn("skipped_records", message, count=len(damaged), place=f"line {lines}")
    return builder.build()


def _loads(text: str) -> Any:
    """Parse JSON with numbers as text, so that 1.10 stays 1.10 and long integers are not limited."""
    return json.loads(
        text.removeprefix("\ufeff"), parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_with_all
    )


def _with_all(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object with the values of equal keys under numbered keys: `note`, `note (2)`."""
    result = dict(pairs)
    if len(result) < len(pairs):
        result = {}
        counts: Counter[str] = Counter()
        for key, value in pairs:
            counts[key] += 1
            result[key if counts[key] == 1 else f"{key} ({counts[key]})"] = value
    return result


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) or _is_list_of_records(value)


def _is_list_of_records(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict | list) for item in value)


def _add(value: Any, builder: OutlineBuilder) -> None:
    for record in value if _is_list_of_records(value) else [value]:
        builder.add_lines(_lines(record))


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
