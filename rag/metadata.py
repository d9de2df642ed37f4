"""Document metadata: a few short key-value pairs that searches can filter by."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from rag.errors import InvalidInput

# No dot and no "=": a key appears in `?metadata.KEY=VALUE` and in `--metadata KEY=VALUE`.
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_PAIRS = 32
_MAX_VALUE_CHARACTERS = 500

NOTHING: Mapping[str, str] = MappingProxyType({})


def to_metadata(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the values as JSON writes them, without None; raises `InvalidInput` for a nested or too long value."""
    if len(values) > _MAX_PAIRS:
        raise InvalidInput(f"metadata: more than {_MAX_PAIRS} keys")
    return {_checked_key(key): _checked_value(key, value) for key, value in values.items() if value is not None}


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Parse `KEY=VALUE` strings; raises `InvalidInput` if one has another form."""
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidInput(f"metadata: {pair} does not have the form KEY=VALUE")
        values[key] = value
    return to_metadata(values)


def _checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InvalidInput(f"metadata: {key[:100]!r} is not a valid key; use at most 64 letters, digits, '_' and '-'")
    return key


def _checked_value(key: str, value: Any) -> str:
    match value:
        case bool():
            text = str(value).lower()
        case str() | int() | float():
            text = str(value)
        case _:
            raise InvalidInput(f"metadata: {key} must be a string, a number or a boolean")
    if len(text) > _MAX_VALUE_CHARACTERS:
        raise InvalidInput(f"metadata: {key} is longer than {_MAX_VALUE_CHARACTERS} characters")
    return text
