"""Parse XLSX into one section per sheet: the tables, then comments and the text of drawings."""

import re
from collections.abc import Iterator
from html import unescape
from itertools import chain, islice
from posixpath import join, normpath
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, iterparse
from zipfile import ZipFile

from ingest.parsing.office_archive import DAMAGE, damaged, open_office, pieces_of
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.tables.sheet import add_sheet
from ingest.parsing.xlsx.sheet import Area, Sheet, area_of, rich_text
from ingest.parsing.xlsx.styles import read_styles
from rag.types import Place

_END_OF_ROWS: Final = re.compile(rb"</(?:[\w.-]+:)?sheetData\s*>|<(?:[\w.-]+:)?sheetData\s*/>")
_LONGEST_END: Final = 200
_MERGED: Final = re.compile(rb"""<(?:[\w.-]+:)?mergeCell\s[^<>]{0,300}?ref\s*=\s*["']([A-Za-z0-9:$]{1,30})["']""")
_FILTER: Final = re.compile(rb"""<(?:[\w.-]+:)?autoFilter\s[^<>]{0,300}?ref\s*=\s*["']([A-Za-z0-9:$]{1,30})["']""")
_PRINTED: Final = re.compile(rb"<(?:[\w.-]+:)?((?:odd|even|first)(?:Header|Footer))\s*>([^<]{1,2000})<")
# Fonts, colours, sizes, and fields such as the page's number.
_PRINT_CODES: Final = re.compile(r'&(?:&|"[^"]*"|K[0-9A-F]{6}|\d+|[A-Z])', re.IGNORECASE)
_THREADED: Final = re.compile(r"^\[Threaded comment\].*?\n\s*Comment:\s*", re.DOTALL)


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
        self._names = set(archive.namelist())
        self._main = next(
            (target for _, kind, target in self._related("") if kind == "officeDocument"), "xl/workbook.xml"
        )
        self._root = self._tree(self._main)
        parts = {kind: target for _, kind, target in self._related(self._main)}
        styles = parts.get("styles", "xl/styles.xml")
        self._styles = read_styles(self._tree(styles) if styles in self._names else None)
        self._strings = list(self._shared_strings(parts.get("sharedStrings", "xl/sharedStrings.xml")))
        properties = next((element for element in self._root if _name(element) == "workbookPr"), None)
        self._is_1904 = properties is not None and properties.get("date1904") in {"1", "true"}

    def read(self, builder: OutlineBuilder) -> None:
        """Add all sheets in the order of their tabs. Hidden sheets, rows and columns are part of the document."""
        targets = {key: target for key, _, target in self._related(self._main)}
        for element in self._root.iter():
            if _name(element) == "sheet" and targets.get(_related_id(element)) in self._names:
                self._read_sheet(element.get("name", ""), targets[_related_id(element)], builder)

    def _read_sheet(self, name: str, part: str, builder: OutlineBuilder) -> None:
        related = [(kind, target) for _, kind, target in self._related(part) if target in self._names]
        comments = {
            reference: text
            for kind, target in related
            if kind == "comments"
            for reference, text in self._comments(target)
        }
        tail = self._tail(part)
        tables = [area for kind, target in related if kind == "table" for area in self._tables(target)]
        sheet = Sheet(
            name=name,
            strings=self._strings,
            styles=self._styles,
            is_1904=self._is_1904,
            merged=_areas(_MERGED, tail),
            header_rows=frozenset(area.first_row for area in [*tables, *_areas(_FILTER, tail)]),
            wanted=frozenset(comments),
        )
        with self._archive.open(part) as stream:
            rows = sheet.rows(stream)
            first = list(islice(rows, 1))
            texts = list(_printed(tail))
            texts += [text for kind, target in related if kind == "drawing" for text in self._drawing(target)]
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
        if part in self._names:
            with self._archive.open(part) as stream:
                for _, element in iterparse(stream):
                    if _name(element) == "si":
                        yield rich_text(element)
                        element.clear()

    def _tail(self, part: str) -> bytes:
        """Return what follows the rows of a sheet. It names the merged cells, which the rows need."""
        tail, is_found = bytearray(), False
        for piece in pieces_of(self._archive, part):
            tail += piece
            if not is_found:
                end = _END_OF_ROWS.search(tail)
                is_found = bool(end)
                del tail[: end.end() if end else -_LONGEST_END]
        return bytes(tail) if is_found else b""

    def _tables(self, part: str) -> Iterator[Area]:
        """Yield the area of a table that has a header."""
        table = self._tree(part)
        area = area_of(table.get("ref", ""))
        if area and table.get("headerRowCount", "1") != "0":
            yield area

    def _comments(self, part: str) -> Iterator[tuple[str, str]]:
        for element in self._tree(part).iter():
            if _name(element) == "comment":
                texts = (rich_text(child) for child in element if _name(child) == "text")
                yield element.get("ref", ""), _THREADED.sub("", "".join(texts)).strip()

    def _drawing(self, part: str) -> Iterator[str]:
        """Yield the text of text boxes, charts and diagrams."""
        yield from _paragraphs(self._tree(part))
        for _, kind, target in self._related(part):
            if target in self._names and kind in {"chart", "chartEx", "diagramData"}:
                text = " | ".join(_paragraphs(self._tree(target)))
                yield f"Chart: {text}" if text and kind != "diagramData" else text

    def _related(self, part: str) -> list[tuple[str, str, str]]:
        """Return the relations of a part: relation id, the last word of its type, and the path of its target."""
        folder, _, file = part.rpartition("/")
        relations = join(folder, "_rels", f"{file}.rels")
        if relations not in self._names:
            return []
        found = []
        for relation in self._tree(relations):
            target = relation.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else normpath(join(folder, target))
            found.append((relation.get("Id", ""), relation.get("Type", "").rpartition("/")[2], path))
        return found

    def _tree(self, part: str) -> Element:
        return ElementTree.fromstring(self._archive.read(part))


def _areas(pattern: re.Pattern[bytes], tail: bytes) -> list[Area]:
    return [area for match in pattern.finditer(tail) if (area := area_of(match[1].decode()))]


def _printed(tail: bytes) -> Iterator[str]:
    """Yield the headers and footers of the printed pages, marked as such."""
    for kind, codes in dict.fromkeys(_PRINTED.findall(tail)):
        shown = unescape(codes.decode("utf-8", "replace"))
        text = _PRINT_CODES.sub(lambda code: "&" if code[0] == "&&" else " ", shown)
        if any(character.isalnum() for character in text):
            yield f"{'Header' if b'Header' in kind else 'Footer'}: {text}"


def _paragraphs(root: Element) -> Iterator[str]:
    for paragraph in root.iter():
        if _name(paragraph) == "p":
            text = "".join(part.text or "" for part in paragraph.iter() if _name(part) == "t").strip()
            yield from [text] if text else []


def _name(element: Element) -> str:
    """Return the tag without its namespace, which differs between strict and transitional Office files."""
    return element.tag.rpartition("}")[2]


def _related_id(element: Element) -> str:
    """Return the relation id, the attribute `id` that has a namespace; the plain attribute `id` is another one."""
    return next((value for key, value in element.items() if key.endswith("}id")), "")
