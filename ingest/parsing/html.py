"""HTML: what a reader of the page reads, under its headings."""

import re
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from ingest.parsing.html_limits import refuse_traps
from ingest.parsing.html_reader import HtmlReader
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.text import decode
from rag.errors import InvalidInput

_DECLARED_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_CHARSET_PROBE: Final = 4_096
_PLAUSIBLE_CHARSET: Final = re.compile(r"windows-|cp\d|iso-?8859|koi8|big5|euc-|iso-2022-jp|gb18030|tis-620|macintosh")


def parse_html(body: bytes) -> Outline:
    """The page's `main` element where there is one, else all of its body."""
    tree = _parse_tree(decode(body, _declared_encoding(body)))
    title = tree.css_first("head > title")
    builder = OutlineBuilder()
    HtmlReader(builder).read(_content_of(tree))
    return builder.build(fallback_title=title.text() if title else "")


def add_html(fragment: str, builder: OutlineBuilder) -> None:
    """Adds a piece of HTML, such as stands in Markdown, to an outline."""
    HtmlReader(builder).read(_parse_tree(fragment).body)


def _declared_encoding(body: bytes) -> str:
    """Python's name of the encoding that the page declares; empty where it declares none that can be true."""
    declared = _DECLARED_CHARSET.search(body, 0, _CHARSET_PROBE)
    match declared[1].decode("ascii", "ignore").lower() if declared else "":
        case "iso-8859-1" | "iso8859-1" | "latin1" | "us-ascii" | "ascii":
            # Browsers read these as their superset, and pages are written for browsers.
            return "cp1252"
        case "shift_jis" | "shift-jis" | "sjis" | "x-sjis":
            return "cp932"
        case "gb2312" | "gbk":
            return "gb18030"
        case label:
            # UTF-8 is tried anyway, and a page in UTF-16 could not be searched for its declaration.
            return label if _PLAUSIBLE_CHARSET.match(label) else ""


def _parse_tree(text: str) -> LexborHTMLParser:
    refuse_traps(text)
    try:
        return LexborHTMLParser(text)
    except SelectolaxError as error:
        # It takes any page for one; what it has no memory for is the only thing that it refuses.
        raise InvalidInput("HTML that unfolds to more than can be held in memory") from error


def _content_of(tree: LexborHTMLParser) -> LexborNode | None:
    main = tree.css_first("main, [role=main]")
    # A page that a script would fill has an empty one.
    return main if main is not None and main.text().strip() else tree.body
