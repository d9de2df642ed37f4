"""Parse HTML into the text that a reader of the page sees, under its headings."""

import re
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from ingest.parsing.html_limits import reject_slow_html
from ingest.parsing.html_reader import HtmlReader
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.text import decode
from rag.errors import InvalidInput

_DECLARED_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_CHARSET_PROBE: Final = 4_096
_PLAUSIBLE_CHARSET: Final = re.compile(r"windows-|cp\d|iso-?8859|koi8|big5|euc-|iso-2022-jp|gb18030|tis-620|macintosh")


def parse_html(body: bytes) -> Outline:
    """Parse the page's `main` element if it has text, or else the whole body."""
    tree = _parse_tree(decode(body, _declared_encoding(body)))
    title = tree.css_first("head > title")
    builder = OutlineBuilder()
    HtmlReader(builder).read(_content_of(tree))
    return builder.build(fallback_title=title.text() if title else "")


def add_html(fragment: str, builder: OutlineBuilder) -> None:
    """Add an HTML fragment, for example a block in a Markdown document, to an outline."""
    HtmlReader(builder).read(_parse_tree(fragment).body)


def _declared_encoding(body: bytes) -> str:
    """Return Python's name of the encoding that the page declares, or "" without a plausible declaration."""
    declared = _DECLARED_CHARSET.search(body, 0, _CHARSET_PROBE)
    match declared[1].decode("ascii", "ignore").lower() if declared else "":
        case "iso-8859-1" | "iso8859-1" | "latin1" | "us-ascii" | "ascii":
            # Browsers decode these labels as the superset windows-1252, and pages are written for browsers.
            return "cp1252"
        case "shift_jis" | "shift-jis" | "sjis" | "x-sjis":
            return "cp932"
        case "gb2312" | "gbk":
            return "gb18030"
        case label:
            # The decoder tries UTF-8 anyway, and this ASCII pattern cannot match in UTF-16.
            return label if _PLAUSIBLE_CHARSET.match(label) else ""


def _parse_tree(text: str) -> LexborHTMLParser:
    reject_slow_html(text)
    try:
        return LexborHTMLParser(text)
    except SelectolaxError as error:
        # Lexbor accepts any input as HTML. It fails only if it runs out of memory.
        raise InvalidInput("HTML that expands to more than fits in memory; split the page") from error


def _content_of(tree: LexborHTMLParser) -> LexborNode | None:
    main = tree.css_first("main, [role=main]")
    # Pages that a script fills have an empty main element.
    return main if main is not None and main.text().strip() else tree.body
