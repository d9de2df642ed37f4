"""Read the raw cells of an XLSX sheet, row by row. Expat's events take a third of the time of a tree per row."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO
from xml.parsers.expat import ParserCreate

from ingest.parsing.tables.row import column_index

_PIECE_BYTES = 64 * 1024
_MAX_COLUMNS = 16_384


@dataclass(slots=True)
class RawCell:
    """A cell as the file stores it."""

    column: int
    """Counted from 0."""
    style: str
    kind: str
    """s for a shared string, n or empty for a number, …"""
    value: str = ""
    has_formula: bool = False


@dataclass(slots=True)
class RawRow:
    """A row as the file stores it."""

    number: int
    """Counted from 1."""
    cells: list[RawCell] = field(default_factory=list)


class RowReader:
    """A reader that knows the rows above the frozen edge before it yields the first row."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.frozen_row = 0
        """The last of a few rows that stay in view while the sheet is scrolled; 0 without any."""
        self._stream = stream
        self._rows: list[RawRow] = []
        self._row = RawRow(0)
        self._cell = RawCell(-1, "", "")
        self._text: list[str] = []
        self._is_text = self._is_reading = False
        self._phonetic = 0

    def rows(self) -> Iterator[RawRow]:
        parser = ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        while piece := self._stream.read(_PIECE_BYTES):
            parser.Parse(piece, False)
            yield from self._rows
            self._rows.clear()
        parser.Parse(b"", True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(":")[2]:
            case "c" if self._is_reading:
                reference = attributes.get("r")
                column = _column_of(reference.rstrip("0123456789")) if reference else self._cell.column + 1
                self._cell = RawCell(column, attributes.get("s", ""), attributes.get("t", ""))
                self._text = []
            case "v":
                self._is_text = True
            case "t":
                self._is_text = not self._phonetic
            case "f":
                self._cell.has_formula = True
            case "rPh":
                self._phonetic += 1
            case "row":
                self._row = RawRow(int(attributes.get("r") or self._row.number + 1))
                self._cell = RawCell(-1, "", "")
            case "sheetData":
                self._is_reading = True
            case "pane":
                self.frozen_row = _frozen_row(attributes)

    def _end(self, tag: str) -> None:
        match tag.rpartition(":")[2]:
            case "c" if self._is_reading:
                self._cell.value = "".join(self._text)
                if self._cell.value or self._cell.has_formula:
                    self._row.cells.append(self._cell)
            case "v" | "t":
                self._is_text = False
            case "rPh":
                self._phonetic -= 1
            case "row":
                self._rows.append(self._row)
            case "sheetData":
                self._is_reading = False

    def _data(self, text: str) -> None:
        if self._is_text and self._is_reading:
            self._text.append(text)


@lru_cache(maxsize=1_000)
def _column_of(letters: str) -> int:
    # Four letters are beyond the last column already.
    index = column_index(letters[:4])
    if not 0 <= index < _MAX_COLUMNS:
        raise ValueError(f"not a column: {letters[:20]}")
    return index


def _frozen_row(pane: dict[str, str]) -> int:
    rows = pane.get("ySplit", "").partition(".")[0]
    is_frozen = pane.get("state") in {"frozen", "frozenSplit"}
    return int(rows) if is_frozen and len(rows) == 1 and rows.isdecimal() else 0
