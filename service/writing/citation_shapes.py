"""The shapes in which models write citations, as patterns (ADR 40)."""

import re
from collections.abc import Iterable

# What opens and closes a citation in brackets, the full-width ones included.
_OPEN, _CLOSE = r"\[【［〔〖", r"\]】］〕〗"
DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_FROM_SUPERSCRIPT = str.maketrans(DIGITS, "0123456789")
_NAMES = ("source", "sources", "passage", "passages", "quelle", "quellen")
"""What models write in round brackets too, where a number alone is an item of a list."""
_NOUN = (
    r"(?:sources?|passages?|docs?|documents?|references?|refs?|cit(?:e|ation)s?|chunks?|contexts?|snippets?|excerpts?"
    r"|quellen?|fuentes?|fonti|fonte|来源|资料|文献|段落|文档|出典)\s*[:#._-]?\s*"
)
_LEAD = r"(?:(?:see|cf\.)\s+)?"
# What follows a number: a place in the passage, or its title.
_DETAIL = rf"(?:(?::\d+)?\s*[†‡↑]|:\s|,?\s*(?:pp?\.|pages?\b|lines?\b|§))[^{_CLOSE}\n,;]*"
_TO = r"(?:\s*(?:[-–—‑−~〜]|\.\.\.?|…)\s*|\s+(?:to|through|bis)\s+)"
_ITEM = rf"{_LEAD}(?:{_NOUN})?[\^#*_]{{0,2}}(\d{{1,3}})[\^*_]{{0,2}}(?:{_TO}(\d{{1,3}}))?(?:{_DETAIL})?"
_SEPARATOR = r"(?:\s*[,;，；、&|｜]\s*(?:(?:and|und)\s+)?|\s+(?:and|und)\s+)"
_LIST = rf"(?P<list>{_ITEM}(?:{_SEPARATOR}{_ITEM})*)"

MARKER = re.compile(
    rf"(?:(?P<escaped>\\\[)|(?P<double>\[\[)|[{_OPEN}])\s*{_LIST}\s*"
    rf"(?(escaped)\\\]|(?(double)\]\]|[{_CLOSE}]))",
    re.IGNORECASE,
)
"""Numbers in brackets."""
MARKER_END = re.compile(rf"[{_CLOSE}\n]")
MARKER_RANGE = re.compile(r"\[(?P<first>\d{1,3})\]\s?[-–—]\s?\[(?P<last>\d{1,3})\]")
"""A range whose ends have brackets of their own, as in the style of IEEE."""
MARKER_RANGE_BEGINNING = re.compile(r"\[\d{1,3}\]\s?(?:[-–—]\s?(?:\[(?:\d{1,3})?)?)?\Z")
NOISE = re.compile(r"\[cite_(?:start|end)\]")
"""Marks that Gemini writes around what it cites."""
NAMED = re.compile(rf"\((?=(?:see )?(?:{'|'.join(_NAMES)})\b){_LIST}\)", re.IGNORECASE)
"""Named numbers in round brackets."""
TAG = re.compile(r"<(?P<name>sup|cite|citation|source|ref|code|pre)(?:\s[^<>]*)?>", re.IGNORECASE)
"""A tag that may have a citation or code in it."""
TAGGED = re.compile(rf"\s*(?P<bracket>\[)?\s*{_LIST}\s*(?(bracket)\])\s*", re.IGNORECASE)
SUPERSCRIPT = re.compile(f"[{DIGITS}]{{1,3}}")
SPECIAL = re.compile(rf"[`~(<{_OPEN}{DIGITS}]|\\(?:\[|\Z)")
"""Where a citation or code may begin."""
_LISTED = re.compile(_ITEM, re.IGNORECASE)


def to_numbers(listed: str) -> list[int]:
    """Return the numbers of a list in their order, each once. A range has all its numbers, a reversed one is [0]."""
    numbers: dict[int, None] = {}
    for item in _LISTED.finditer(listed):
        first = int(item[1])
        numbers.update(dict.fromkeys(range(first, int(item[2] or first) + 1)))
    return list(numbers) or [0]


def from_superscript(digits: str) -> int:
    """Return the number that the superscript digits write."""
    return int(digits.translate(_FROM_SUPERSCRIPT))


def _beginnings(words: Iterable[str]) -> str:
    return "|".join(sorted({re.escape(word[:length]) for word in words for length in range(len(word) + 1)}))


NAMED_BEGINNING = re.compile(
    rf"\((?:{_beginnings(lead + name for name in _NAMES for lead in ('', 'see '))}"
    rf"|(?:see )?(?:{'|'.join(_NAMES)})\b[^()\n]*)\Z",
    re.IGNORECASE,
)
"""Text that may become named numbers in round brackets."""
TAG_BEGINNING = re.compile(
    rf"<(?:{_beginnings(('sup', 'cite', 'citation', 'source', 'ref', 'code', 'pre'))}"
    r"|(?:sup|cite|citation|source|ref|code|pre)\s[^<>\n]*)\Z",
    re.IGNORECASE,
)
