"""Parse HTML into a tree, and reject HTML that would take quadratic time or memory."""

import re

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from rag.errors import InvalidInput

# Lexbor's time grows with the square of the nesting depth: 0.6 s for 20,000 levels.
_MAX_DEPTH = 20_000
# It also grows with the square of the attributes of one element: 0.2 s for 10,000.
_MAX_ATTRIBUTES = 10_000

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)(?=[\s/>])")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_CLOSED_BY_THE_NEXT = {"p", "li", "dt", "dd", "option", "tr", "td", "th", "tbody", "thead", "tfoot", "rt", "rp"}
_ONCE = {"html", "head", "body"}
_NEVER_NESTED = VOID | _CLOSED_BY_THE_NEXT | _ONCE
_LONG_TAG = re.compile(r"<[a-zA-Z][^<>]{20000,}")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def parse_tree(text: str) -> LexborHTMLParser:
    _reject_slow_html(text)
    try:
        return LexborHTMLParser(text)
    except SelectolaxError as error:
        # Lexbor accepts any input as HTML. It fails only if it runs out of memory.
        raise InvalidInput("HTML that expands to more than fits in memory; split the page") from error


def _reject_slow_html(text: str) -> None:
    """Raise `InvalidInput` if parsing would take time quadratic in the length of the page."""
    if text.count("<") > _MAX_DEPTH and _depth_of(text) > _MAX_DEPTH:
        raise InvalidInput(f"HTML elements nested more than {_MAX_DEPTH:,} levels deep")
    for tag in _LONG_TAG.finditer(text):
        if len(re.findall(r"[\s/\"]", _QUOTED.sub('"', tag[0]))) > _MAX_ATTRIBUTES:
            raise InvalidInput(f"an HTML element with more than {_MAX_ATTRIBUTES:,} attributes")


def _depth_of(text: str) -> int:
    """Estimate the nesting depth from the tags alone."""
    depth = deepest = 0
    for tag in _TAG.finditer(text):
        if tag[2].lower() not in _NEVER_NESTED:
            depth = max(0, depth - 1) if tag[1] else depth + 1
            deepest = max(deepest, depth)
    return deepest
