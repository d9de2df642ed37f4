"""Convert an HTML tree to blocks of text: paragraphs, lists, tables, code."""

import re

from selectolax.lexbor import LexborNode

from ingest.parsing.html.inline import INLINE, REPLACED, InlineMarks, embedded, replacement
from ingest.parsing.html.lists import HtmlList
from ingest.parsing.html.tables import ITEM_BREAK, LINE_BREAK, HtmlTable, cell_text, is_layout
from ingest.parsing.html.tree import parse_tree
from ingest.parsing.html.visibility import TEXT, is_skipped
from ingest.parsing.outline import OutlineBuilder
from rag.types import Place

FENCE = "data-fence"
"""The attribute of a `pre` element whose text is kept in Markdown fences; its value is the language."""
LINE = "data-line"
"""The attribute with the line of the element in the file that the HTML was made from."""

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = {"ul", "ol", "menu", "dir"}
_LIST_PARTS = {"li", "dl", "dt", "dd"}
_TABLE_PARTS = {"table", "caption", "tr", "td", "th"}
_PARTS_OF_A_PAGE = {"body", "main", "article", "section", "aside", "header", "footer", "hgroup", "form", "search"}
_PARAGRAPHS = {"p", "div", "center", "address", "blockquote", "pre", "fieldset", "legend", "dialog"}
_FIGURES = {"figure", "figcaption", "details", "summary", "svg", "text", "foreignobject", "iframe", "template"}
_BLOCKS = _LISTS | _LIST_PARTS | _TABLE_PARTS | _PARTS_OF_A_PAGE | _PARAGRAPHS | _FIGURES
_MAX_INDENT_LEVELS = 20
# Each inner document is parsed once more for every document around it.
_MAX_INNER_LEVELS = 3
_SPACES = re.compile(r"[ \t\r\n\f]+")
_FENCE_MARK = re.compile(r"`{3,}")
_ENDS_A_TERM = (":", "?", "!", ".", "\uff1a", "\uff1f")


class HtmlReader:
    """A converter that adds the text below an HTML node to an outline."""

    def __init__(self, builder: OutlineBuilder, *, base: str = "", controlled: frozenset[str] = frozenset()) -> None:
        """`base` is the address of the page, and `controlled` has the ids of elements that a control shows."""
        self._builder = builder
        self._controlled = controlled
        self._marks = InlineMarks(base)
        self._parts: list[str] = []
        """Pieces of the current line, heading, cell or preformatted text."""
        self._lines: list[tuple[str, Place | None]] = []
        """Lines of the current block."""
        self._place: Place | None = None
        self._heading_level = 0
        self._is_preformatted = False
        self._lists: list[HtmlList] = []
        self._marker = ""
        self._terms: list[str] = []
        """Terms of a definition list that wait for their definition."""
        self._is_in_term = False
        self._tables: list[HtmlTable | None] = []
        """The open tables; None for a table that only arranges the page."""
        self._inner_level = 0

    def read(self, root: LexborNode | None) -> None:
        """Add the text below `root`.

        An explicit stack avoids Python's recursion limit on deeply nested pages.
        """
        waiting = [(root, True)] if root is not None else []
        while waiting:
            node, is_entered = waiting.pop()
            tag = (node.tag or "").lower()
            if tag == TEXT:
                self._add_text(node.text_content or "")
            elif not is_entered:
                self._leave(tag, node)
            elif tag in {"br", "hr"}:
                self._break(is_paragraph=tag == "hr")
            elif not is_skipped(node, self._controlled):
                if tag in REPLACED:
                    self._parts.append(replacement(tag, node, self._marks.base, self._builder))
                    continue
                self._enter(tag, node)
                waiting.append((node, False))
                child = self._inner_document(tag, node) if tag in {"iframe", "template"} else node.last_child
                while child is not None:
                    waiting.append((child, True))
                    child = child.prev
        self._end_heading()
        self._end_block()

    def _add_text(self, text: str) -> None:
        self._parts.append(text if self._is_preformatted else _SPACES.sub(" ", text))

    def _inner_document(self, tag: str, node: LexborNode) -> LexborNode | None:
        """Return the last node of the document inside an element: of an inline frame, or of a shadow tree."""
        if self._inner_level > _MAX_INNER_LEVELS:
            self._builder.warn("cut_text", "Documents inside documents are nested too deeply.")
            return None
        source = node.attrs.sget("srcdoc")
        if tag == "iframe" and not source:
            self._parts.append(embedded(node.attrs.sget("src"), self._marks.base, self._builder))
        if tag == "template":
            source = (node.html or "").partition(">")[2].removesuffix("</template>")
        inner = parse_tree(source).body if source.strip() else None
        return inner.last_child if inner is not None else None

    def _enter(self, tag: str, node: LexborNode) -> None:
        if tag in {"iframe", "template"}:
            self._inner_level += 1
        if tag in INLINE:
            self._marks.enter(tag, self._parts)
        elif tag in _HEADINGS and self._table() is None:
            self._end_heading()
            self._end_block()
            self._set_place(node)
            self._heading_level = _HEADINGS[tag]
        elif tag not in _BLOCKS:
            return
        elif self._heading_level or self._is_preformatted:
            self._break()
        else:
            self._enter_block(tag, node)

    def _enter_block(self, tag: str, node: LexborNode) -> None:
        table = self._table()
        if tag == "table":
            self._enter_table(node)
        elif tag in {"td", "th"} and table is not None:
            self._take_parts()
        elif table is not None and tag in {"li", "dt"}:
            is_numbered = tag == "li" and self._lists and self._lists[-1].is_numbered
            self._parts += [ITEM_BREAK, self._lists[-1].next_marker(node) if is_numbered else ""]
        elif tag in _LISTS:
            self._divide()
            self._lists.append(HtmlList(node))
        else:
            self._divide()
            self._set_place(node)
            self._is_preformatted = tag == "pre" and table is None
            self._is_in_term = self._is_in_term or tag == "dt"
            if tag == "li":
                self._marker = self._lists[-1].next_marker(node) if self._lists else "- "

    def _enter_table(self, node: LexborNode) -> None:
        self._divide()
        self._end_terms()
        if is_layout(node, len(self._tables)):
            self._tables.append(None)
            return
        if self._table() is None:
            self._end_block()
        self._tables.append(HtmlTable(self._take_parts()))

    def _leave(self, tag: str, node: LexborNode) -> None:
        if tag in {"iframe", "template"}:
            self._inner_level -= 1
        if tag in INLINE:
            self._marks.leave(node, self._parts)
        elif tag in _HEADINGS:
            self._end_heading()
        elif self._heading_level or tag not in _BLOCKS:
            return
        elif tag == "pre" and self._is_preformatted:
            self._end_preformatted(node)
        elif not self._is_preformatted:
            self._leave_block(tag, node)

    def _leave_block(self, tag: str, node: LexborNode) -> None:
        table = self._table()
        if tag == "table":
            self._leave_table()
        elif table is not None and tag in {"td", "th"}:
            table.add_cell(node, cell_text(self._take_parts()))
        elif table is not None and tag == "tr":
            table.end_row(node, _place_of(node))
        elif table is not None and tag == "caption":
            table.caption = cell_text(self._take_parts())
        elif table is not None and tag == "dt":
            self._parts.append(": ")
        elif tag == "dt":
            self._is_in_term = False
            self._terms.append(" ".join("".join(self._take_parts()).split()))
        else:
            if tag == "dl":
                self._end_terms()
            self._divide()
            if tag in _LISTS and self._lists:
                self._lists.pop()
                self._divide()

    def _leave_table(self) -> None:
        table = self._tables.pop()
        if table is None:
            self._divide()
        elif self._table() is not None:
            self._take_parts()
            self._parts = [*table.outer, ITEM_BREAK, table.line(), ITEM_BREAK]
        else:
            self._take_parts()
            table.add_to(self._builder)

    def _table(self) -> HtmlTable | None:
        """Return the table whose cells hold values, or None outside such a table."""
        return self._tables[-1] if self._tables else None

    def _set_place(self, node: LexborNode) -> None:
        self._place = _place_of(node) or self._place

    def _break(self, *, is_paragraph: bool = True) -> None:
        """Begin a new line, or a new paragraph."""
        if self._is_preformatted:
            if self._parts and not self._parts[-1].endswith("\n"):
                self._parts.append("\n")
        elif self._heading_level or self._table() is not None or self._is_in_term:
            self._parts.append(LINE_BREAK)
        elif is_paragraph:
            self._divide()
        else:
            self._end_line()

    def _divide(self) -> None:
        """End a paragraph: with a line break in a cell or a list, with a blank line elsewhere."""
        if self._table() is not None or self._is_in_term:
            self._parts.append(LINE_BREAK)
        elif self._lists:
            self._end_line()
        else:
            self._end_block()

    def _end_heading(self) -> None:
        if self._heading_level:
            self._end_terms()
            self._builder.add_heading(self._heading_level, "".join(self._take_parts()))
            self._heading_level = 0

    def _end_preformatted(self, node: LexborNode) -> None:
        self._is_preformatted = False
        text = "".join(self._take_parts()).strip("\n")
        if FENCE in node.attrs and text.strip():
            mark = "`" * max(3, 1 + max(map(len, _FENCE_MARK.findall(text)), default=0))
            text = f"{mark}{node.attrs.sget(FENCE)}\n{text}\n{mark}"
        self._end_terms()
        if text.strip():
            first, *rest = text.split("\n")
            indent = self._indent(self._marker or "  ")
            self._marker = ""
            further = " " * len(indent)
            self._lines.append(("\n".join([indent + first, *(further + line for line in rest)]), self._place))
        self._divide()

    def _take_parts(self) -> list[str]:
        parts, self._parts = self._parts, []
        self._marks.end_block()
        return parts

    def _end_terms(self) -> None:
        """Write the terms that have no definition in the same line."""
        if self._terms and self._table() is None:
            self._lines.append((self._indent("  ") + ", ".join(self._terms), self._place))
            self._terms = []

    def _end_line(self) -> None:
        line = " ".join("".join(self._take_parts()).split())
        if not line:
            return
        if self._terms:
            term = ", ".join(filter(None, self._terms))
            line = f"{term}{' ' if term.endswith(_ENDS_A_TERM) else ': '}{line}" if term else line
            self._terms = []
        self._lines.append((self._indent(self._marker or "  ") + line, self._place))
        self._marker = ""

    def _indent(self, marker: str) -> str:
        return "  " * min(len(self._lists) - 1, _MAX_INDENT_LEVELS) + marker if self._lists else ""

    def _end_block(self) -> None:
        self._end_line()
        for index, (line, place) in enumerate(self._lines):
            self._builder.add_block(line, place, between="\n" if index else "\n\n")
        self._lines = []


def _place_of(node: LexborNode) -> Place | None:
    line = node.attrs.sget(LINE)
    return Place(line=int(line)) if line.isdecimal() else None
