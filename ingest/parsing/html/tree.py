"""Parse HTML into a tree, and reject HTML that would take quadratic time or memory."""

import re
from html import escape

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
_EMPTY_ELEMENT = re.compile(r"""<([a-zA-Z][\w.-]{0,80})((?:\s[^<>"']{0,2000}(?:"[^"<]*"|'[^'<]*'))*\s*)/>""")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def parse_tree(text: str) -> LexborHTMLParser:
    _reject_slow_html(text)
    try:
        return LexborHTMLParser(text)
    except SelectolaxError as error:
        # Lexbor accepts any input as HTML. It fails only if it runs out of memory.
        raise InvalidInput("HTML that expands to more than fits in memory; split the page") from error


def to_html(xhtml: str) -> str:
    """Give each empty element an end tag, and write CDATA sections as text.

    An HTML parser reads `<title/>` as the start of a title that never ends.
    """
    # In scripts and styles a CDATA section is a comment, and their content is not read anyway.
    text = _CDATA.sub(lambda section: escape(section[1], quote=False), xhtml)
    return _EMPTY_ELEMENT.sub(lambda tag: tag[0] if tag[1].lower() in VOID else f"<{tag[1]}{tag[2]}></{tag[1]}>", text)


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
