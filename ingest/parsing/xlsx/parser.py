"""Parse XLSX into one section per sheet: the tables, then comments and the text of drawings."""

import re
from collections.abc import Iterator
from html import unescape
from itertools import chain, islice
from xml.etree.ElementTree import Element, iterparse
from zipfile import ZipFile

from ingest.parsing.office_archive import DAMAGE, damaged, open_office, pieces_of
from ingest.parsing.ooxml.drawings import paragraphs_of
from ingest.parsing.ooxml.package import Package, is_on_attribute
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.tables.sheet import add_sheet
from ingest.parsing.xlsx.sheet import Area, Sheet, area_of, rich_text
from ingest.parsing.xlsx.styles import read_styles
from rag.types import Place

_END_OF_ROWS = re.compile(rb"</(?:[\w.-]+:)?sheetData\s*>|<(?:[\w.-]+:)?sheetData\s*/>")
_LONGEST_END = 200
_MERGED = re.compile(rb"""<(?:[\w.-]+:)?mergeCell\s[^<>]{0,300}?ref\s*=\s*["']([A-Za-z0-9:$]{1,30})["']""")
_FILTER = re.compile(rb"""<(?:[\w.-]+:)?autoFilter\s[^<>]{0,300}?ref\s*=\s*["']([A-Za-z0-9:$]{1,30})["']""")
_PRINTED = re.compile(rb"<(?:[\w.-]+:)?((?:odd|even|first)(?:Header|Footer))\s*>([^<]{1,2000})<")
# Fonts, colours, sizes, and fields such as the page's number.
_PRINT_CODES = re.compile(r'&(?:&|"[^"]*"|K[0-9A-F]{6}|\d+|[A-Z])', re.IGNORECASE)
_DRAWN = {"chart", "chartEx", "diagramData"}
_THREADED = re.compile(r"^\[Threaded comment\].*?\n\s*Comment:\s*", re.DOTALL)


def parse_xlsx(body: bytes) -> Outline:
    archive = open_office(body, kind="XLSX", folder="xl/")
    builder = OutlineBuilder()
    try:
        _Workbook(archive).read(builder)
    except DAMAGE as error:
        raise damaged("XLSX") from error
    if embedded := sum(1 for name in archive.namelist() if name.startswith("xl/embeddings/")):
        builder.warn("dropped_object", count=embedded)
    return builder.build()


class _Workbook:
    """An open XLSX file."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._package = Package(archive)
        self._main = next(iter(self._package.related("", "officeDocument")), "xl/workbook.xml")
        root = self._package.tree(self._main)
        if root is None:
            raise KeyError(self._main)
        self._root = root
        self._styles = read_styles(self._package.tree(self._part_of("styles")))
        self._strings = list(self._shared_strings(self._part_of("sharedStrings")))
        properties = root.find("workbookPr")
        self._is_1904 = properties is not None and is_on_attribute(properties.get("date1904"))

    def read(self, builder: OutlineBuilder) -> None:
        """Add all sheets in the order of their tabs. Hidden sheets, rows and columns are part of the document."""
        relations = self._package.relations(self._main)
        for element in self._root.iter("sheet"):
            relation = relations.get(element.get("r:id", ""))
            if relation and self._package.name_of(relation.target):
                self._read_sheet(element.get("name", ""), relation.target, builder)

    def _read_sheet(self, name: str, part: str, builder: OutlineBuilder) -> None:
        comments = dict(chain.from_iterable(map(_comments, self._related(part, "comments"))))
        tail = self._tail(part)
        tables = chain.from_iterable(map(_tables, self._related(part, "table")))
        sheet = Sheet(
            name=name,
            strings=self._strings,
            styles=self._styles,
            is_1904=self._is_1904,
            merged=_areas(_MERGED, tail),
            header_rows=frozenset(area.first_row for area in [*tables, *_areas(_FILTER, tail)]),
            wanted=frozenset(comments),
        )
        with self._archive.open(self._package.name_of(part)) as stream:
            rows = sheet.rows(stream)
            first = list(islice(rows, 1))
            texts = list(_printed(tail))
            texts += chain.from_iterable(map(self._drawing, self._package.related(part, "drawing")))
            if first or texts:
                # A heading of level 1 would become the title.
                builder.add_heading(2, name)
            add_sheet(chain(first, rows), builder)
        if sheet.count_without_value:
            cells = ", ".join(sheet.without_value)
            builder.warn("formula_without_value", count=sheet.count_without_value, place=f"sheet {name}, {cells}")
        for reference, text in comments.items():
            shown = f" ({sheet.found[reference]})" if reference in sheet.found else ""
            area = area_of(reference)
            place = Place(sheet=name, rows=(area.first_row, area.first_row)) if area else Place(sheet=name)
            builder.add_block(f"Comment on cell {reference}{shown}: {text}", place)
        for text in texts:
            builder.add_block(text, Place(sheet=name))

    def _shared_strings(self, part: str) -> Iterator[str]:
        if self._package.name_of(part):
            with self._archive.open(self._package.name_of(part)) as stream:
                for _, element in iterparse(stream):
                    if element.tag.rpartition("}")[2] == "si":
                        yield rich_text(element)
                        element.clear()

    def _tail(self, part: str) -> bytes:
        """Return what follows the rows of a sheet. It names the merged cells, which the rows need."""
        tail, is_found = bytearray(), False
        for piece in pieces_of(self._archive, self._package.name_of(part)):
            tail += piece
            if not is_found:
                end = _END_OF_ROWS.search(tail)
                is_found = bool(end)
                del tail[: end.end() if end else -_LONGEST_END]
        return bytes(tail) if is_found else b""

    def _drawing(self, part: str) -> Iterator[str]:
        """Yield the text of text boxes, charts and diagrams."""
        if (root := self._package.tree(part)) is not None:
            yield from paragraphs_of(root)
        for relation in self._package.relations(part).values():
            root = self._package.tree(relation.target) if relation.kind in _DRAWN else None
            if root is not None:
                text = " | ".join(paragraphs_of(root))
                yield f"Chart: {text}" if text and relation.kind != "diagramData" else text

    def _related(self, part: str, kind: str) -> Iterator[Element]:
        trees = map(self._package.tree, self._package.related(part, kind))
        return (tree for tree in trees if tree is not None)

    def _part_of(self, kind: str) -> str:
        """Return the part of one kind that the workbook has; some programs do not refer to it."""
        return next(iter(self._package.related(self._main, kind)), f"xl/{kind}.xml")


def _tables(table: Element) -> Iterator[Area]:
    """Yield the area of a table that has a header."""
    area = area_of(table.get("ref", ""))
    if area and table.get("headerRowCount", "1") != "0":
        yield area


def _comments(root: Element) -> Iterator[tuple[str, str]]:
    for element in root.iter("comment"):
        texts = map(rich_text, element.iterfind("text"))
        yield element.get("ref", ""), _THREADED.sub("", "".join(texts)).strip()


def _areas(pattern: re.Pattern[bytes], tail: bytes) -> list[Area]:
    return [area for match in pattern.finditer(tail) if (area := area_of(match[1].decode()))]


def _printed(tail: bytes) -> Iterator[str]:
    """Yield the headers and footers of the printed pages, marked as such."""
    for kind, codes in dict.fromkeys(_PRINTED.findall(tail)):
        shown = unescape(codes.decode("utf-8", "replace"))
        text = _PRINT_CODES.sub(lambda code: "&" if code[0] == "&&" else " ", shown)
        if any(character.isalnum() for character in text):
            yield f"{'Header' if b'Header' in kind else 'Footer'}: {text}"
