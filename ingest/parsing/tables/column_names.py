"""Words that people use as names of columns, which are evidence that a row of words is a header."""

import re
from pathlib import Path

_WORDS = frozenset(Path(__file__).with_name("column_names.txt").read_text(encoding="utf-8").split())
_MAX_CHARACTERS = 60
_WORD = re.compile(r"[^\W\d_]+")
_IN_BRACKETS = re.compile(r"[(\[][^)\]]*[)\]]")
# Programs name columns like variables.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def is_column_name(text: str) -> bool:
    """Return True if the first or last word is a usual name of a column, or the text is a variable's name."""
    if len(text) > _MAX_CHARACTERS or "@" in text:
        return False
    if _IDENTIFIER.fullmatch(text):
        return True
    words = _WORD.findall(_CAMEL.sub(" ", _IN_BRACKETS.sub("", text)).lower())
    return len(words) <= 5 and any(
        word in _WORDS or word.removesuffix("s") in _WORDS for word in words[:1] + words[-1:]
    )
