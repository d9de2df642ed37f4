"""Rows of tables, and the expansion of merged cells into them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.types import Place

# Browsers stop there as well. More columns come only from cells that exist, never from a span.
_MAX_SPANNED_COLUMNS = 1_000
# A long value that spans many cells is a remark, which needs no repetition.
_MAX_REPEATED_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A table row, with the value of a merged cell in each cell that it spans."""

    cells: tuple[str, ...]
    place: Place | None = None
    merged: frozenset[int] = frozenset()
    """The columns whose value belongs to a merged cell that begins further left."""
    is_header: bool = False
    """True if the file marks the row as a header."""
    is_bold: bool = False
    """True if all its values are bold."""

    def cell(self, index: int) -> str:
        return self.cells[index] if index < len(self.cells) else ""

    @property
    def width(self) -> int:
        """The number of its values; that of a merged cell counts once."""
        return sum(1 for index, value in enumerate(self.cells) if value and index not in self.merged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A table cell as a document declares it. It may span columns and rows."""

    text: str
    columns: int = 1
    rows: int = 1
    """How many rows it spans, itself included."""
    continues_above: bool = False
    """True if it only continues the merged cell above it, whose value it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpannedRow:
    """A row of cells that may be merged."""

    cells: Sequence[Cell]
    place: Place | None = None
    is_header: bool = False
    is_bold: bool = False


def spread(rows: Iterable[SpannedRow]) -> Iterator[Row]:
    """Yield the rows with the value of each merged cell in every cell that it spans."""
    # Column to the value, the number of further rows that it spans, and whether it begins further left.
    open_cells: dict[int, tuple[str, int, bool]] = {}
    above: tuple[str, ...] = ()
    above_merged: frozenset[int] = frozenset()
    for row in rows:
        values: dict[int, str] = {column: text for column, (text, _, _) in open_cells.items()}
        merged = {column for column, (_, _, is_merged) in open_cells.items() if is_merged}
        still_open = {column: (text, left - 1, m) for column, (text, left, m) in open_cells.items() if left > 1}
        column = 0
        for cell in row.cells:
            while column in open_cells:
                column += 1
            last = column + max(1, min(cell.columns, _MAX_SPANNED_COLUMNS - column))
            text = above[column] if cell.continues_above and column < len(above) else cell.text
            for index in range(column, last if len(text) <= _MAX_REPEATED_CHARACTERS else column + 1):
                is_merged = index > column or (cell.continues_above and column in above_merged)
                values[index] = text
                (merged.add if is_merged else merged.discard)(index)
                if cell.rows > 1 and len(text) <= _MAX_REPEATED_CHARACTERS:
                    still_open[index] = (text, cell.rows - 1, is_merged)
            column = last
        open_cells = still_open
        if not any(cell.text for cell in row.cells if not cell.continues_above):
            # The row only continues the cells above it.
            continue
        above = tuple([values.get(index, "") for index in range(max(values, default=-1) + 1)])
        above_merged = frozenset(merged)
        yield Row(cells=above, place=row.place, merged=above_merged, is_header=row.is_header, is_bold=row.is_bold)


def column_letters(index: int) -> str:
    """Return the name that a spreadsheet gives to the column: A, B, …, Z, AA, …"""
    letters = ""
    while index >= 0:
        index, letter = index // 26 - 1, index % 26
        letters = chr(ord("A") + letter) + letters
    return letters


def column_index(letters: str) -> int:
    """Return the index of the column that a spreadsheet calls A, B, …, Z, AA, …"""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def place_words(place: Place | None) -> str:
    """Return the place for people, such as "sheet Sales, row 7"."""
    if place is None:
        return ""
    words = (
        f"page {place.page}" if place.page else "",
        f"slide {place.slide}" if place.slide else "",
        f"sheet {place.sheet}" if place.sheet else "",
        f"row {place.rows[0]}" if place.rows and not place.line else "",
        f"line {place.line}" if place.line else "",
    )
    return ", ".join(filter(None, words))
