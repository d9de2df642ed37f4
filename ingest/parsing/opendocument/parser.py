"""Parse OpenDocument files: ODT texts, ODS sheets and ODP slides, which share one markup."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, tostring
from zipfile import ZipFile

from ingest.parsing.encoding.decoding import decode
from ingest.parsing.html.mathml import linear
from ingest.parsing.html.tree import parse_tree
from ingest.parsing.office_archive import DAMAGE, damaged, encrypted, open_office
from ingest.parsing.opendocument.lists import Numbering
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.tables.row import Cell, SpannedRow, spread
from ingest.parsing.tables.table import add_table
from ingest.parsing.xml.tree import to_tree
from rag.types import Place

_MAX_SPACES = 100
# Sheets declare their empty rest as a million repeated rows, and each row its rest as thousands of repeated cells.
_MAX_REPEATED_ROWS = 10_000
_MAX_REPEATED_CELLS = 1_000
_MAX_CELLS = 5_000_000
_NOT_READ = {
    *("tracked-changes", "deletion", "table-of-content", "sequence-decls", "variable-decls", "user-field-decls"),
    *("forms", "soft-page-break", "bookmark", "bookmark-start", "bookmark-end", "named-expressions", "settings"),
    *("covered-table-cell", "title", "desc", "hidden-text", "animations", "page-thumbnail", "event-listeners"),
    *("database-ranges", "calculation-settings", "content-validations", "ruby-text", "shapes", "image"),
}
_FRAMES = {"frame", "custom-shape", "rect", "g", "ellipse", "line", "connector", "polygon", "caption", "control"}


def parse_opendocument(body: bytes, kind: str) -> Outline:
    """Parse a file whose format is called `kind` in messages: ODT, ODS or ODP."""
    archive = open_office(body, kind=kind, folder="content.xml")
    builder = OutlineBuilder()
    try:
        if b"encryption-data" in _part(archive, "META-INF/manifest.xml"):
            raise encrypted(kind)
        styles = _tree(archive, "styles.xml", kind)
        decoded = decode(archive.read("content.xml"))
        builder.add_warnings(decoded.warnings)
        content = to_tree(decoded.text, kind)
        reader = _Reader(archive, kind, builder, Numbering(content, styles))
        body_element = content.find("body")
        for page_text in _headers_and_footers(styles) if kind == "ODT" else ():
            reader.read_blocks(page_text)
        reader.read_blocks(body_element if body_element is not None else Element("body"))
    except DAMAGE as error:
        raise damaged(kind) from error
    return builder.build(title=_tree(archive, "meta.xml", kind).findtext("meta/title") or "")


def _part(archive: ZipFile, name: str) -> bytes:
    return archive.read(name) if name in archive.NameToInfo else b""


def _tree(archive: ZipFile, name: str, kind: str) -> Element:
    body = _part(archive, name)
    return to_tree(decode(body).text, kind) if body else Element("empty")


def _headers_and_footers(styles: Element) -> Iterator[Element]:
    """Yield each header and footer once; one with only a page number has no words."""
    seen: set[str] = set()
    for master in styles.iter("master-page"):
        for part in master:
            text = " ".join("".join(part.itertext()).split())
            if part.tag.startswith(("header", "footer")) and text not in seen and any(map(str.isalpha, text)):
                seen.add(text)
                yield part


class _Reader:
    def __init__(self, archive: ZipFile, kind: str, builder: OutlineBuilder, numbering: Numbering) -> None:
        self._archive = archive
        self._kind = kind
        self._builder = builder
        self._numbering = numbering
        self._after: list[str] = []
        """Notes, comments and frames of the open paragraph, which follow it."""
        self._slide = 0

    def read_blocks(self, element: Element) -> None:
        """Add the blocks inside an element."""
        for child in element:
            match child.tag:
                case tag if tag in _NOT_READ or child.get("display") == "none":
                    continue
                case "h":
                    number = self._numbering.of_heading(child)
                    level = _number(child, "outline-level")
                    self._builder.add_heading(min(level, 9), number + self._text_of(child))
                    self._add_notes()
                case "p":
                    self._builder.add_block(self._text_of(child), self._place())
                    self._add_notes()
                case "list":
                    lines = list(self._numbering.open_list(child, self._lines_of_item))
                    self._builder.add_block("\n".join(lines), self._place())
                    self._add_notes()
                case "table":
                    self._read_table(child)
                case "page":
                    self._read_slide(child)
                case "notes":
                    if text := "\n".join(self._paragraphs(child)):
                        self._builder.add_block(f"Notes: {text}", self._place())
                case tag if tag in _FRAMES:
                    self._read_frame(child)
                case _:
                    self.read_blocks(child)

    def _read_slide(self, page: Element) -> None:
        self._slide += 1
        titles = (frame for frame in page if frame.get("class") == "title")
        title = next((text for text in (" ".join(self._paragraphs(frame)) for frame in titles) if text), "")
        # A heading of level 1 would become the title of the presentation.
        self._builder.add_heading(2, f"slide {self._slide}: {title}" if title else f"slide {self._slide}")
        for frame in page:
            if frame.get("class") != "title":
                wrapper = Element("frames")
                wrapper.append(frame)
                self.read_blocks(wrapper)

    def _read_table(self, table: Element) -> None:
        is_sheet = self._kind == "ODS"
        name = table.get("name", "")
        rows = list(self._rows(table, name if is_sheet else ""))
        if is_sheet and any(cell.text for row in rows for cell in row.cells):
            self._builder.add_heading(2, name)
        header_rows = sum(row.is_header for row in rows)
        add_table(spread(rows), self._builder, header_rows=header_rows or None)
        self._add_notes()

    def _rows(self, table: Element, sheet: str) -> Iterator[SpannedRow]:
        number = cells = 0
        for group, row in _table_rows(table):
            first = number + 1
            repeated = _number(row, "number-rows-repeated")
            number += repeated
            values = list(self._cells(row))
            while values and not values[-1].text and values[-1].columns == 1:
                values.pop()
            cells += len(values) * min(repeated, _MAX_REPEATED_ROWS)
            if not values or cells > _MAX_CELLS:
                if values:
                    self._builder.warn("cut_text", f"A table has more than {_MAX_CELLS:,} cells.", place=sheet)
                    return
                continue
            if repeated > _MAX_REPEATED_ROWS:
                message = f"Equal rows were left out after {_MAX_REPEATED_ROWS:,}."
                self._builder.warn("cut_text", message, count=repeated - _MAX_REPEATED_ROWS, place=sheet)
            for offset in range(min(repeated, _MAX_REPEATED_ROWS)):
                place = Place(sheet=sheet, rows=(first + offset, first + offset)) if sheet else self._place()
                yield SpannedRow(cells=values, place=place, is_header=group.tag == "table-header-rows")

    def _cells(self, row: Element) -> Iterator[Cell]:
        # Not the covered cells: one belongs to the merged cell before it, which `spread` repeats. One that is covered
        # from above has the value of that cell already.
        for cell in row.iterfind("table-cell"):
            columns, rows = (_number(cell, f"number-{part}-spanned") for part in ("columns", "rows"))
            text = " ".join(self._paragraphs(cell))
            if not text and "formula" in cell.attrib and "value-type" not in cell.attrib:
                self._builder.warn("formula_without_value")
            for _ in range(min(_number(cell, "number-columns-repeated"), _MAX_REPEATED_CELLS)):
                yield Cell(text=text, columns=columns, rows=rows)

    def _read_frame(self, frame: Element) -> None:
        if frame.find("object") is not None or frame.find("object-ole") is not None:
            self._read_object(frame)
        elif frame.find("image") is not None:
            words = (frame.findtext(name) or "" for name in ("title", "desc"))
            self._builder.add_block(" ".join(filter(None, words)), self._place())
        else:
            self.read_blocks(frame)

    def _read_object(self, frame: Element) -> None:
        if formula := self._formula_of(frame):
            self._builder.add_block(formula, self._place())
        else:
            place = f"slide {self._slide}" if self._slide else frame.get("name", "")
            self._builder.warn("dropped_object", place=place)

    def _formula_of(self, frame: Element) -> str:
        """Return an embedded formula as linear text, or "" for another object."""
        embedded = frame.find("object")
        if embedded is None:
            return ""
        name = f"{embedded.get('href', '').removeprefix('./').rstrip('/')}/content.xml"
        root = embedded.find("math")
        if root is None and name in self._archive.NameToInfo:
            root = _tree(self._archive, name, self._kind)
        if root is None or root.tag != "math":
            return ""
        formula = parse_tree(tostring(root, "unicode")).css_first("math")
        return linear(formula) if formula is not None else ""

    def _lines_of_item(self, item: Element) -> Iterator[str]:
        """Yield the paragraphs of a list item. Nested lists are not part of it."""
        for child in item:
            if child.tag in {"p", "h"}:
                yield self._text_of(child)

    def _paragraphs(self, element: Element) -> Iterator[str]:
        """Yield the paragraphs at any depth below an element."""
        for child in element:
            if child.tag in {"p", "h"}:
                if text := self._text_of(child).strip():
                    yield text
            elif child.tag == "annotation":
                self._after.append(_comment(child))
            elif child.tag not in _NOT_READ:
                yield from self._paragraphs(child)

    def _text_of(self, paragraph: Element) -> str:
        return "".join(self._pieces(paragraph))

    def _pieces(self, element: Element) -> Iterator[str]:
        yield element.text or ""
        for child in element:
            match child.tag:
                case "s":
                    yield " " * min(_number(child, "c"), _MAX_SPACES)
                case "tab":
                    yield "\t"
                case "line-break":
                    yield "\n"
                case "note":
                    mark = " ".join(child.findtext("note-citation", "").split())
                    body = child.find("note-body")
                    text = " ".join(self._paragraphs(body)) if body is not None else ""
                    self._after.append(f"[{child.get('note-class', 'footnote')} {mark}] {text}")
                    yield f" [{child.get('note-class', 'footnote')} {mark}]"
                case "annotation":
                    self._after.append(_comment(child))
                case "frame" if child.find("object") is not None and (formula := self._formula_of(child)):
                    yield formula
                case tag if tag in _FRAMES:
                    self._after += self._paragraphs(child)
                    if child.find("object") is not None or child.find("object-ole") is not None:
                        self._builder.warn("dropped_object", place=child.get("name", ""))
                    self._after.append(" ".join(filter(None, (child.findtext("title"), child.findtext("desc")))))
                case tag if tag not in _NOT_READ and child.get("display") != "none":
                    yield from self._pieces(child)
            yield child.tail or ""

    def _add_notes(self) -> None:
        after, self._after = self._after, []
        for text in after:
            self._builder.add_block(text, self._place())

    def _place(self) -> Place | None:
        return Place(slide=self._slide) if self._slide else None


def _table_rows(table: Element) -> Iterator[tuple[Element, Element]]:
    """Yield each row with the element around it. Tables inside cells are read with the cells."""
    waiting = [(table, child) for child in reversed(table)]
    while waiting:
        group, element = waiting.pop()
        if element.tag == "table-row":
            yield group, element
        elif element.tag in {"table-rows", "table-header-rows", "table-row-group"}:
            waiting += [(element, child) for child in reversed(element)]


def _comment(annotation: Element) -> str:
    author = annotation.findtext("creator") or ""
    text = " ".join(" ".join(paragraph.itertext()) for paragraph in annotation.iter("p"))
    return f"Comment by {author}: {text}" if author else f"Comment: {text}"


def _number(element: Element, name: str) -> int:
    """Return a repetition or a level, which is 1 unless the file says otherwise."""
    value = element.get(name, "")
    return max(1, int(value)) if value.isdecimal() and len(value) < 10 else 1
