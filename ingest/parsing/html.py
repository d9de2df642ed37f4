"""Parse HTML into the text that a reader of the page sees, under its headings."""

import re
from dataclasses import replace
from typing import Final

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from ingest.parsing.decoding import decode
from ingest.parsing.html_reader import HtmlReader
from ingest.parsing.outline import Outline, OutlineBuilder
from rag.errors import InvalidInput

_DECLARED_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_CHARSET_PROBE: Final = 4_096

# Lexbor's time grows with the square of the nesting depth: 0.6 s for 20,000 levels.
_MAX_DEPTH: Final = 20_000
# It also grows with the square of the attributes of one element: 0.2 s for 10,000.
_MAX_ATTRIBUTES: Final = 10_000

_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)(?=[\s/>])")
_VOID: Final = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_CLOSED_BY_THE_NEXT: Final = {"p", "li", "dt", "dd", "option", "tr", "td", "th", "tbody", "thead", "tfoot", "rt", "rp"}
_ONCE: Final = {"html", "head", "body"}
_NEVER_NESTED: Final = _VOID | _CLOSED_BY_THE_NEXT | _ONCE
_LONG_TAG: Final = re.compile(r"<[a-zA-Z][^<>]{20000,}")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")


def parse_html(body: bytes, charset: str = "") -> Outline:
    """Parse the page's `main` element if it has text, or else the whole body.

    `charset` outranks the encoding that the page declares.
    """
    decoded = decode(body, charset, _declared_encoding(body))
    tree = _parse_tree(decoded.text)
    title = tree.css_first("head > title")
    builder = OutlineBuilder()
    main = tree.css_first("main, [role=main]")
    # Pages that a script fills have an empty main element.
    HtmlReader(builder).read(main if main is not None and main.text().strip() else tree.body)
    outline = builder.build(fallback_title=title.text() if title else "")
    return replace(outline, warnings=(*decoded.warnings, *outline.warnings))


def add_html(fragment: str, builder: OutlineBuilder) -> None:
    """Add an HTML fragment, for example a block in a Markdown document, to an outline."""
    HtmlReader(builder).read(_parse_tree(fragment).body)


def _declared_encoding(body: bytes) -> str:
    """Return the label of the encoding that the page declares, or ""."""
    declared = _DECLARED_CHARSET.search(body, 0, _CHARSET_PROBE)
    return declared[1].decode("ascii", "ignore") if declared else ""


def _parse_tree(text: str) -> LexborHTMLParser:
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
