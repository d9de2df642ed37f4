"""Parse HTML into the text that a reader of the page sees, under its headings."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.parsing.encoding.decoding import decode
from ingest.parsing.html.marks import resolved
from ingest.parsing.html.reader import HtmlReader
from ingest.parsing.html.tree import parse_tree
from ingest.parsing.outline import Outline, OutlineBuilder
from rag.parsing_warnings import WARNINGS, ParsingWarning

_DECLARED_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_CHARSET_PROBE = 4_096

_CONTENT = "main, [role=main], article, section"
_MAIN = "main, [role=main]"
_NOT_CONTENT = {"nav", "header", "footer", "aside"}
_FURNITURE = ", ".join(f":not(main) > {tag}" for tag in ("nav", "header", "footer", "aside"))
_NOT_CONTENT_ROLES = {"navigation", "banner", "contentinfo", "complementary", "search"}
_FRAME = f"nav, header, footer, aside, {_MAIN}, {', '.join(f'[role={role}]' for role in _NOT_CONTENT_ROLES)}"
# Parents are visited for each of them.
_MAX_CONTENT_PARTS = 200
# A main element with less text can be a frame that a script fills, beside the real text.
_SHORT = 400
_MUCH_MORE = 4
_WORD = re.compile(r"\w+")
# Smaller shares come from words that the tree divides, and from menus of a few entries.
_NOTABLE_SHARE = 0.02


def parse_html(body: bytes, charset: str = "", uri: str = "") -> Outline:
    """Parse the page's main elements if they hold its text, or else the whole body.

    `charset` outranks the encoding that the page declares, and `uri` is the page's address.
    """
    decoded = decode(body, charset, _declared_encoding(body))
    tree = parse_tree(decoded.text)
    outline = _read_page(tree, uri)
    return replace(outline, warnings=(*decoded.warnings, *outline.warnings, *_frame_warnings(tree, outline)))


def add_html(page: str, builder: OutlineBuilder, base: str = "") -> None:
    """Add HTML, for example a Markdown document in this form, to an outline."""
    _add(parse_tree(page), builder, base)


def _read_page(tree: LexborHTMLParser, uri: str) -> Outline:
    parts = list(_content_parts(tree))
    outline = _read(tree, parts, uri)
    if parts and _length(outline) < _SHORT:
        whole = _read(tree, [tree.body], uri)
        furniture = sum(len(node.text()) for node in tree.css(_FURNITURE))
        if not outline.sections or _length(whole) - furniture > _length(outline) * _MUCH_MORE:
            return whole
    return outline


def _read(tree: LexborHTMLParser, roots: Sequence[LexborNode | None], uri: str) -> Outline:
    builder = OutlineBuilder()
    _add(tree, builder, uri, roots)
    return builder.build(fallback_title=_title_of(tree))


def _add(tree: LexborHTMLParser, builder: OutlineBuilder, uri: str, roots: Sequence[LexborNode | None] = ()) -> None:
    declared = tree.css_first("base[href]")
    base = resolved(declared.attrs.sget("href"), uri) if declared is not None else uri
    controls = (node.attrs.sget("aria-controls") for node in tree.css("[aria-controls]"))
    controlled = frozenset(name for names in controls for name in names.split())
    for root in roots or [tree.body]:
        HtmlReader(builder, base=base, controlled=controlled).read(root)


def _frame_warnings(tree: LexborHTMLParser, outline: Outline) -> list[ParsingWarning]:
    """Return a warning if the page has many words that the outline does not have."""
    if tree.body is None or not outline.sections or tree.css_first(_FRAME) is None:
        return []
    # Nothing reads the tree after this.
    tree.strip_tags(["script", "style", "template"])
    words = Counter(_WORD.findall(tree.body.text(separator=" ").lower()))
    headings = dict.fromkeys(name for section in outline.sections for name in section.heading_path)
    text = " ".join([*headings, *(section.text for section in outline.sections)])
    missing = (words - Counter(_WORD.findall(text.lower()))).total()
    if missing < words.total() * _NOTABLE_SHARE:
        return []
    return [ParsingWarning(code="page_frame", message=WARNINGS["page_frame"].meaning, count=missing)]


def _content_parts(tree: LexborHTMLParser) -> Iterator[LexborNode]:
    """Yield the main elements, and the articles and sections beside them; nothing for a page without main element."""
    if tree.css_first(_MAIN) is None:
        return
    candidates = tree.css(_CONTENT)[:_MAX_CONTENT_PARTS]
    accepted: set[int] = set()
    for node in candidates:
        is_inside = False
        parent = node.parent
        while parent is not None and not is_inside:
            roles = parent.attrs.sget("role") if parent.is_element_node else ""
            is_inside = parent.mem_id in accepted or parent.tag in _NOT_CONTENT or roles in _NOT_CONTENT_ROLES
            parent = parent.parent
        if not is_inside:
            accepted.add(node.mem_id)
            yield node


def _title_of(tree: LexborHTMLParser) -> str:
    shared = tree.css_first("meta[property='og:title']")
    title = tree.css_first("head > title")
    return (shared.attrs.sget("content") if shared is not None else "") or (title.text() if title else "")


def _length(outline: Outline) -> int:
    return sum(len(section.text) for section in outline.sections)


def _declared_encoding(body: bytes) -> str:
    """Return the label of the encoding that the page declares, or ""."""
    declared = _DECLARED_CHARSET.search(body, 0, _CHARSET_PROBE)
    return declared[1].decode("ascii", "ignore") if declared else ""
