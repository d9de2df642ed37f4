"""Read XML documents that people write, such as DocBook, TEI, DITA and JATS: titles, paragraphs, lists and tables."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.tables.row import Cell, SpannedRow, spread
from ingest.parsing.tables.table import add_table

_PARAGRAPHS = {"p", "para", "simpara", "ab", "shortdesc", "title", "head", "subtitle", "term", "label"}
_TITLES = {"title", "head", "article-title"}
# Parts that hold the title of the part around them.
_TITLE_HOLDERS = {"info", "bookinfo", "articleinfo", "chapterinfo", "sectioninfo", "titleStmt", "title-group"}
# Their titles are captions, not headings.
_FORMAL = {
    *("figure", "fig", "informalfigure", "table", "table-wrap", "informaltable", "example", "equation", "note"),
    *("warning", "tip", "important", "caution", "blockquote", "itemizedlist", "orderedlist", "variablelist", "step"),
    *("list", "procedure", "sidebar", "biblioentry", "ref", "caption", "thead"),
}
_PREFORMATTED = {"programlisting", "screen", "literallayout", "codeblock", "synopsis", "pre", "eg", "preformat"}
_LISTS = {"itemizedlist", "orderedlist", "list", "ul", "ol", "procedure", "simplelist", "steps", "substeps"}
_NUMBERED = {"orderedlist", "ol", "procedure", "steps", "substeps"}
_ITEMS = {"listitem", "item", "li", "list-item", "member", "step"}
_BLOCKS = {
    *_PARAGRAPHS,
    *_PREFORMATTED,
    *_LISTS,
    *_ITEMS,
    *_FORMAL,
    *("variablelist", "varlistentry", "dl", "dlentry", "tgroup"),
    *("section", "sect1", "sect2", "sect3", "div", "lg", "l"),
}
_NOT_SECTIONS = _BLOCKS - {"section", "div"}
_FOOTNOTES = {"footnote", "fn"}
_TABLES = {"table", "informaltable", "tgroup", "simpletable"}
_ROWS = {"row", "tr", "strow", "sthead"}
_CELLS = {"entry", "td", "th", "cell", "stentry"}
_NOT_READ = {"svg", "math", "processing-instruction"}
_CAPTIONS = {"title", "caption", "head", "label"}
_SPAN_NAME = re.compile(r"\d{1,6}")


def is_prose(root: Element) -> bool:
    """Return True if the elements include paragraphs or text that is mixed with elements."""
    return any(
        element.tag in {"p", "para", "simpara"} or (len(element) > 0 and (element.text or "").strip())
        for element in root.iter()
    )


def add_prose(root: Element, builder: OutlineBuilder) -> Outline:
    reader = _Reader(builder)
    reader.read(root, level=0)
    reader.flush()
    return builder.build(title=root.findtext(".//titleStmt/title") or "")


class _Reader:
    def __init__(self, builder: OutlineBuilder) -> None:
        self._builder = builder
        self._pieces: list[str] = []
        """Text of the open paragraph."""
        self._prefix = ""
        self._footnotes: list[str] = []

    def read(self, element: Element, *, level: int) -> None:
        """Add an element. `level` is the level of the heading that it is under."""
        tag = element.tag
        if tag in _NOT_READ:
            if tag == "svg" and any(text.strip() for text in element.itertext()):
                self._builder.warn("dropped_object", "Drawings contain text that is not read.")
        elif tag in _FOOTNOTES:
            self._footnotes.append(" ".join(" ".join(element.itertext()).split()))
            self._pieces.append(f" [footnote {len(self._footnotes)}]")
        elif tag in _PREFORMATTED:
            self.flush()
            code = "".join(element.itertext()).strip("\n")
            self._builder.add_block(f"```{element.get('language', '')}\n{code}\n```" if code.strip() else "")
        elif tag in _TABLES and any(child.tag in _ROWS for child in element.iter()):
            self._read_table(element)
        elif tag in _LISTS:
            self._read_list(element, level)
        else:
            self._read_children(element, level)

    def flush(self) -> None:
        """End the open paragraph."""
        text = " ".join("".join(self._pieces).split())
        self._pieces = []
        if text:
            self._builder.add_block(self._prefix + text)
            self._prefix = ""
        if not self._prefix and self._footnotes:
            for number, note in enumerate(self._footnotes, 1):
                self._builder.add_block(f"[footnote {number}] {note}")
            self._footnotes = []

    def _read_children(self, element: Element, level: int) -> None:
        is_flow = element.tag in _PARAGRAPHS or _has_own_text(element)
        is_section = element.tag not in _NOT_SECTIONS
        is_titled = is_section and any(child.tag in _TITLES or _holds_title(child) for child in element)
        below = level + (is_titled and element.tag not in _TITLE_HOLDERS)
        if element.tag in _BLOCKS or not is_flow:
            self.flush()
        self._pieces.append(element.text or "")
        for child in element:
            if child.tag in _TITLES and (is_section or element.tag in _TITLE_HOLDERS) and not is_flow:
                self.flush()
                self._builder.add_heading(below or 1, " ".join(child.itertext()))
            elif is_flow and child.tag not in _BLOCKS:
                self.read(child, level=below) if child.tag in _FOOTNOTES | _NOT_READ else self._read_inline(
                    child, below
                )
            else:
                self.flush()
                self.read(child, level=below)
                self.flush()
            self._pieces.append(child.tail or "")
        if element.tag in _BLOCKS or not is_flow:
            self.flush()

    def _read_inline(self, element: Element, level: int) -> None:
        self._pieces.append("^" if element.tag in {"sup", "superscript"} else "")
        self._pieces.append(element.text or "")
        for child in element:
            if child.tag in _BLOCKS or child.tag in _FOOTNOTES | _NOT_READ:
                self.read(child, level=level)
            else:
                self._read_inline(child, level)
            self._pieces.append(child.tail or "")

    def _read_list(self, element: Element, level: int) -> None:
        self.flush()
        is_numbered = element.tag in _NUMBERED or element.get("list-type", element.get("type", "")) in {
            "order",
            "ordered",
        }
        number = 0
        for child in element:
            if child.tag in _ITEMS:
                number += 1
                self._prefix = f"{number}. " if is_numbered else "- "
            self.read(child, level=level)
            self.flush()
            self._prefix = ""

    def _read_table(self, table: Element) -> None:
        self.flush()
        for caption in table:
            if caption.tag in _CAPTIONS:
                self._builder.add_block(" ".join(" ".join(caption.itertext()).split()))
        rows = list(_rows(table))
        header_rows = sum(row.is_header for row in rows)
        add_table(spread(rows), self._builder, header_rows=header_rows or None)


def _rows(table: Element) -> Iterator[SpannedRow]:
    for group in table.iter():
        for row in group:
            if row.tag in _ROWS:
                cells = [_cell(cell) for cell in row if cell.tag in _CELLS]
                is_header = group.tag == "thead" or row.tag == "sthead"
                yield SpannedRow(cells=cells, is_header=is_header or row.get("role") == "label")


def _cell(cell: Element) -> Cell:
    first, last = (_SPAN_NAME.search(cell.get(name, "")) for name in ("namest", "nameend"))
    columns = int(last[0]) - int(first[0]) + 1 if first and last else _number(cell, "colspan", "cols")
    rows = 1 + _number(cell, "morerows") if cell.get("morerows", "").isdecimal() else _number(cell, "rowspan", "rows")
    return Cell(text=" ".join("".join(cell.itertext()).split()), columns=max(1, columns), rows=max(1, rows))


def _number(cell: Element, *names: str) -> int:
    return next((int(cell.get(name, "")[:6]) for name in names if cell.get(name, "").isdecimal()), 1)


def _has_own_text(element: Element) -> bool:
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _holds_title(element: Element) -> bool:
    return element.tag in _TITLE_HOLDERS and any(child.tag in _TITLES for child in element)
