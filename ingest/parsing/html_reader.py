"""Convert an HTML tree to blocks of text: paragraphs, lists, tables, code."""

from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborNode

from ingest.parsing.outline import OutlineBuilder

_TEXT: Final = "-text"
_NOT_RENDERED: Final = {"head", "script", "noscript", "style", "template", "object", "embed", "iframe"}
_CONTROLS: Final = {"nav", "button", "select", "textarea", "datalist"}
_PICTURES: Final = {"svg", "canvas", "audio", "video"}
_SKIPPED: Final = _NOT_RENDERED | _CONTROLS | _PICTURES
# Documentation tools append a link such as ¶ to each heading. It is not part of the heading's text.
_SELF_LINKS: Final = {"headerlink", "header-anchor", "hash-link", "anchor-link"}
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_LISTS: Final = {"ul", "ol", "menu"}
_LIST_PARTS: Final = {"li", "dl", "dt", "dd"}
_TABLE_PARTS: Final = {"table", "caption", "tr", "td", "th"}
_PARTS_OF_A_PAGE: Final = {"body", "main", "article", "section", "aside", "header", "footer", "hgroup", "hr", "form"}
_PARAGRAPHS: Final = {"p", "div", "center", "address", "blockquote", "pre", "fieldset", "legend"}
_FIGURES: Final = {"figure", "figcaption", "details", "summary"}
_BLOCKS: Final = _LISTS | _LIST_PARTS | _TABLE_PARTS | _PARTS_OF_A_PAGE | _PARAGRAPHS | _FIGURES
_MAX_INDENT_LEVELS: Final = 20
# A table whose cells contain blocks is used for page layout. Its cells are read as parts of the page, not as values.
_LAYOUT: Final = ", ".join(f"td {inner}" for inner in ("table", "p + p", "ul", "ol", "pre", *_HEADINGS))


class HtmlReader:
    """A converter that adds the text below an HTML node to an outline."""

    def __init__(self, builder: OutlineBuilder) -> None:
        self._builder = builder
        self._parts: list[str] = []
        """Pieces of the current line, heading or preformatted text."""
        self._lines: list[str] = []
        """Lines of the current block."""
        self._heading_level = 0
        self._is_preformatted = False
        self._lists: list[int | None] = []
        """For each open list the last item's number, or None for a bulleted list."""
        self._marker = ""
        self._tables: list[bool] = []
        """For each open table, True if its cells hold values."""
        self._is_first_cell = True

    def read(self, root: LexborNode | None) -> None:
        for node, is_entered in _walk(root):
            tag = node.tag or ""
            if tag == _TEXT:
                self._parts.append(node.text_content or "")
            elif is_entered:
                self._enter(tag, node)
            else:
                self._leave(tag)
        self._end_heading()
        self._end_block()

    def _enter(self, tag: str, node: LexborNode) -> None:
        if tag == "img":
            self._parts.append(node.attrs.sget("alt"))
        elif tag in _HEADINGS:
            self._end_heading()
            self._end_block()
            self._heading_level = _HEADINGS[tag]
        elif self._heading_level or self._is_preformatted:
            self._parts.append("\n" if tag in _BLOCKS or tag == "br" else "")
        else:
            self._enter_block(tag, node)

    def _enter_block(self, tag: str, node: LexborNode) -> None:
        match tag:
            case "br" if self._is_in_row():
                self._parts.append(" ")
            case "br":
                self._end_line()
            case "pre":
                self._divide()
                self._is_preformatted = True
            case "ul" | "ol" | "menu":
                self._divide()
                self._lists.append(0 if tag == "ol" else None)
            case "li":
                self._divide()
                self._marker = self._next_marker()
            case "table":
                self._divide()
                self._tables.append(node.css_first(_LAYOUT) is None)
            case "tr":
                self._end_line()
                self._is_first_cell = True
            case "td" | "th" if self._is_in_row():
                self._parts.append(" " if self._is_first_cell else " | ")
                self._is_first_cell = False
            case _ if tag in _BLOCKS:
                self._divide()

    def _leave(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._end_heading()
        elif self._heading_level:
            return
        elif tag == "pre":
            indent = self._indent()
            self._lines += [indent + line for line in "".join(self._parts).split("\n")]
            self._parts, self._is_preformatted = [], False
        elif self._is_preformatted:
            return
        elif tag in _LISTS:
            self._divide()
            self._lists = self._lists[:-1]
        elif tag in {"tr", "table"}:
            self._end_line()
            self._tables = self._tables[:-1] if tag == "table" else self._tables
        if tag in _BLOCKS:
            self._divide()

    def _is_in_row(self) -> bool:
        return bool(self._tables) and self._tables[-1]

    def _next_marker(self) -> str:
        if not self._lists or self._lists[-1] is None:
            return "- "
        self._lists[-1] += 1
        return f"{self._lists[-1]}. "

    def _divide(self) -> None:
        """End a paragraph: with a space in a table row, a line break in a list, a blank line elsewhere."""
        if self._is_in_row():
            self._parts.append(" ")
        elif self._lists:
            self._end_line()
        else:
            self._end_block()

    def _end_heading(self) -> None:
        if self._heading_level:
            self._builder.add_heading(self._heading_level, "".join(self._parts))
            self._parts, self._heading_level = [], 0

    def _end_line(self) -> None:
        line = " ".join("".join(self._parts).split())
        if line.strip(" |"):
            self._lines.append(self._indent() + line)
        self._parts = []

    def _indent(self) -> str:
        if not self._lists:
            return ""
        marker, self._marker = self._marker or "  ", ""
        return "  " * min(len(self._lists) - 1, _MAX_INDENT_LEVELS) + marker

    def _end_block(self) -> None:
        self._end_line()
        self._builder.add_block("\n".join(self._lines))
        self._lines = []


def _walk(root: LexborNode | None) -> Iterator[tuple[LexborNode, bool]]:
    """Yield each node with True on entry, and each element again with False on exit.

    An explicit stack avoids Python's recursion limit on deeply nested pages.
    """
    waiting = [(root, True)] if root is not None else []
    while waiting:
        node, is_entered = waiting.pop()
        if is_entered and _is_skipped(node):
            continue
        yield node, is_entered
        if is_entered and node.tag != _TEXT:
            waiting.append((node, False))
            child = node.last_child
            while child is not None:
                waiting.append((child, True))
                child = child.prev


def _is_skipped(node: LexborNode) -> bool:
    tag = node.tag or ""
    if tag == _TEXT:
        return False
    if not node.is_element_node or tag in _SKIPPED or "hidden" in node.attrs:
        return True
    return tag == "a" and not _SELF_LINKS.isdisjoint(node.attrs.sget("class").split())
