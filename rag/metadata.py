"""What a document carries beside its text: a few short facts, by which searches can be narrowed."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from rag.errors import InvalidInput

# No dot and no "=": a key stands in paths, in parameters and before its value.
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_PAIRS: Final = 32
_MOST_CHARACTERS: Final = 500

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def to_metadata(found: Mapping[str, Any]) -> dict[str, str]:
    """Numbers and truth values as JSON writes them. Raises `InvalidInput` for what is not flat, or too much."""
    if len(found) > _MOST_PAIRS:
        raise InvalidInput(f"metadata: more than {_MOST_PAIRS} keys")
    return {_checked_key(key): _checked_value(key, value) for key, value in found.items() if value is not None}


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """`KEY=VALUE` each; raises `InvalidInput`."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidInput(f"metadata: {pair} is not KEY=VALUE")
        found[key] = value
    return to_metadata(found)


def _checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InvalidInput(f"metadata: {key[:100]!r} is no key; letters, digits, '_' and '-', at most 64")
    return key


def _checked_value(key: str, value: Any) -> str:
    match value:
        case bool():
            text = str(value).lower()
        case str() | int() | float():
            text = str(value)
        case _:
            raise InvalidInput(f"metadata: {key} is neither a text nor a number")
    if len(text) > _MOST_CHARACTERS:
        raise InvalidInput(f"metadata: {key} is longer than {_MOST_CHARACTERS} characters")
    return text
