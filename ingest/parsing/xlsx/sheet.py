"""Read the rows of an XLSX sheet as the sheet shows them, in one pass over its XML."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO
from xml.etree.ElementTree import Element

from ingest.parsing.ooxml.number_format import display, display_text
from ingest.parsing.tables.row import Row, column_index, column_letters
from ingest.parsing.xlsx.rows import RawCell, RawRow, RowReader
from ingest.parsing.xlsx.styles import GENERAL, PLAIN, Style
from rag.errors import InvalidInput
from rag.types import Place

# A row holds its cells from column A to the last value. Sheets whose rows are far longer than their values are
# made to exhaust memory and time.
_MAX_CELLS = 5_000_000
_MAX_CELLS_PER_VALUE = 100
# Long enough for every table, and bounds the work for one merged cell over the whole sheet.
_MAX_MERGED_COLUMNS = 512
_MAX_OPEN_MERGES = 1_000
_MAX_REPEATED_CHARACTERS = 1_000
_MAX_NAMED_CELLS = 20
_LETTERS = re.compile(r"([A-Za-z]{1,3})(\d{1,7})")


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of cells; rows count from 1, columns from 0, and the last ones are included."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


@dataclass(slots=True, kw_only=True)
class Sheet:
    """The properties of a sheet before its rows are read, and the findings of reading them."""

    name: str
    strings: Sequence[str]
    styles: Sequence[Style]
    is_1904: bool = False
    merged: Sequence[Area] = ()
    header_rows: frozenset[int] = frozenset()
    """The numbers of the header rows of tables and filters."""
    wanted: frozenset[str] = frozenset()
    """References of the cells whose shown values are kept in `found`."""
    found: dict[str, str] = field(default_factory=dict)
    without_value: list[str] = field(default_factory=list)
    """References of the first formulas without a stored value."""
    count_without_value: int = 0

    def rows(self, stream: IO[bytes]) -> Iterator[Row]:
        """Yield the rows with values, and one blank row for each gap."""
        merges = _Merges(self.merged)
        reader = RowReader(stream)
        cells = filled = last = 0
        for raw in reader.rows():
            number = raw.number
            values, is_bold = self._values_of(raw)
            row = merges.fill(number, values)
            if row is None:
                continue
            cells, filled = cells + len(row[0]), filled + len(values)
            if cells > max(_MAX_CELLS, _MAX_CELLS_PER_VALUE * filled):
                raise InvalidInput(f"XLSX with a sheet of more than {_MAX_CELLS:,} empty cells; split the sheet")
            if last and number > last + 1 and not merges.cover(last + 1):
                yield Row(cells=())
            last = number
            yield Row(
                cells=row[0],
                merged=row[1],
                place=Place(sheet=self.name, rows=(number, number)),
                is_header=number in self.header_rows,
                is_bold=is_bold or number == reader.frozen_row,
            )

    def _values_of(self, raw: RawRow) -> tuple[dict[int, str], bool]:
        values: dict[int, str] = {}
        is_bold = True
        for cell in raw.cells:
            style = self._style(cell.style) if cell.style else PLAIN
            if cell.has_formula and not cell.value and cell.kind != "str":
                self._add_without_value(f"{column_letters(cell.column)}{raw.number}")
            text = self._text_of(cell, style)
            if text and not text.isspace():
                values[cell.column] = text
                is_bold = is_bold and style.is_bold
                if self.wanted and (key := f"{column_letters(cell.column)}{raw.number}") in self.wanted:
                    self.found[key] = text
        return values, is_bold

    def _add_without_value(self, reference: str) -> None:
        self.count_without_value += 1
        if len(self.without_value) < _MAX_NAMED_CELLS:
            self.without_value.append(reference)

    def _style(self, style_id: str) -> Style:
        index = int(style_id)
        return self.styles[index] if index < len(self.styles) else PLAIN

    def _text_of(self, cell: RawCell, style: Style) -> str:
        value = cell.value
        match cell.kind:
            case "s":
                index = int(value) if value else -1
                return _formatted(self.strings[index], style) if 0 <= index < len(self.strings) else ""
            case "b":
                return {"1": "TRUE", "0": "FALSE"}.get(value, value.upper())
            case "" | "n" if value:
                return self._number(value, style)
            case "str" | "inlineStr":
                return _formatted(value, style)
            case _:
                # Errors such as #N/A, and dates in ISO form.
                return value.replace("T", " ").removesuffix(" 00:00:00") if cell.kind == "d" else value

    def _number(self, value: str, style: Style) -> str:
        if style.format == GENERAL and len(value) < 16 and value.isdecimal():
            return value
        try:
            return display(float(value), style.format, is_1904=self.is_1904)
        except (ValueError, OverflowError):
            return value


class _Merges:
    """The merged cells of a sheet, filled row by row."""

    def __init__(self, areas: Sequence[Area]) -> None:
        self._waiting = sorted(areas, key=lambda area: area.first_row, reverse=True)
        self._open: list[tuple[Area, str]] = []

    def fill(self, number: int, values: dict[int, str]) -> tuple[tuple[str, ...], frozenset[int]] | None:
        """Return the row's cells and its merged columns; None if the row has no value of its own."""
        self._open = [(area, text) for area, text in self._open if area.last_row >= number]
        while self._waiting and self._waiting[-1].first_row <= number:
            area = self._waiting.pop()
            text = values.get(area.first_column, "") if area.first_row == number else ""
            if text and len(text) <= _MAX_REPEATED_CHARACTERS and len(self._open) < _MAX_OPEN_MERGES:
                self._open.append((area, text))
        if not values:
            return None
        merged: set[int] = set()
        for area, text in self._open:
            last = min(area.last_column, area.first_column + _MAX_MERGED_COLUMNS)
            for column in range(area.first_column, last + 1):
                values.setdefault(column, text)
                if column > area.first_column:
                    merged.add(column)
        cells = [""] * (max(values) + 1)
        for column, text in values.items():
            cells[column] = text
        return tuple(cells), frozenset(merged)

    def cover(self, number: int) -> bool:
        return any(area.first_row <= number <= area.last_row for area, _ in self._open)


def rich_text(element: Element) -> str:
    """Return the text of a string with its runs, without the pronunciation that East Asian files add."""
    pieces = []
    for child in element:
        match child.tag.rpartition("}")[2]:
            case "t":
                pieces.append(child.text or "")
            case "r":
                pieces += [part.text or "" for part in child if part.tag.rpartition("}")[2] == "t"]
    return "".join(pieces)


def area_of(reference: str) -> Area | None:
    """Return the area of a reference such as A2:C4; None if it is not valid."""
    corners = [_LETTERS.fullmatch(corner.replace("$", "")) for corner in reference.split(":")[:2]]
    if not corners or not all(corners):
        return None
    rows = [int(corner[2]) for corner in corners if corner]
    columns = [column_index(corner[1]) for corner in corners if corner]
    return Area(min(rows), min(columns), max(rows), max(columns))


def _formatted(text: str, style: Style) -> str:
    return display_text(text, style.format) if "@" in style.format and style.format != "@" else text
