"""Parse CSV into one paragraph per row, each value behind the name of its column."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Literal

from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.tables.row import Row
from ingest.parsing.tables.sheet import add_sheet
from rag.errors import InvalidInput
from rag.types import Place

_DELIMITERS = ",;\t|"
_PROBE_CHARACTERS = 64_000
_PROBED_ROWS = 50
_MAX_FIELD_CHARACTERS = 1_000_000
# Excel can write a first line that declares the delimiter.
_DECLARATION = "sep="
# Excel shows the text in ="00123", and would show 123 without it.
_QUOTED_FORMULA = re.compile(r'="([^"]*)"')
# Lines of prose may contain commas.
_ONE_COLUMN = "\x1f"


def parse_csv(text: str) -> Outline:
    """Parse CSV; the delimiter is declared, or else the one that gives the first rows equally many fields."""
    if not text.strip(_DELIMITERS + "\r\n "):
        # Cells without values.
        return Outline(title="", sections=())
    if text[:4].lower() == _DECLARATION:
        delimiter, text, skipped = text[4:5].strip("\r\n") or ",", text.partition("\n")[2], 1
    else:
        delimiter, skipped = _delimiter_of(text[:_PROBE_CHARACTERS]), 0
    csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    records = _Records(text, delimiter, skipped)
    builder = OutlineBuilder()
    try:
        add_sheet(records.rows(), builder)
    except (csv.Error, TypeError) as error:
        raise InvalidInput(f"invalid CSV in line {records.line}: {error}") from error
    return builder.build()


class _Records:
    """The records of a CSV text, and the line that was read last."""

    def __init__(self, text: str, delimiter: str, skipped: int) -> None:
        self.line = skipped
        self._lines = list(io.StringIO(text, newline=""))
        self._delimiter = delimiter
        self._skipped = skipped
        # A quote that is never closed would make one value of the rest of the file.
        self._is_unclosed = text.count('"') % 2 == 1

    def rows(self) -> Iterator[Row]:
        """Yield each record with the line where it begins, and its number as a spreadsheet shows it."""
        begin, number = 0, 0
        for cells, end in self._records(0, csv.QUOTE_MINIMAL):
            if self._is_unclosed and end == len(self._lines) and end > begin + 1:
                break
            number += 1
            yield self._row(cells, begin, number)
            begin = end
        for cells, end in self._records(begin, csv.QUOTE_NONE):
            number += 1
            yield self._row(cells, begin, number)
            begin = end

    def _records(self, begin: int, quoting: Literal[0, 3]) -> Iterator[tuple[list[str], int]]:
        """Yield the cells of each record from the line `begin` on, and the line where the record ends."""
        reader = csv.reader(self._lines[begin:], delimiter=self._delimiter, quoting=quoting)
        for cells in reader:
            self.line = begin + reader.line_num + self._skipped
            yield cells, begin + reader.line_num

    def _row(self, cells: list[str], begin: int, number: int) -> Row:
        place = Place(line=begin + 1 + self._skipped, rows=(number, number))
        return Row(cells=tuple(map(_shown, cells)), place=place)


def _shown(cell: str) -> str:
    quoted = _QUOTED_FORMULA.fullmatch(cell) if cell.startswith("=") else None
    return quoted[1] if quoted else cell


def _delimiter_of(probe: str) -> str:
    scores = {delimiter: _regularity(probe, delimiter) for delimiter in _DELIMITERS}
    return max(scores, key=scores.__getitem__) if any(share for share, _ in scores.values()) else _ONE_COLUMN


def _regularity(probe: str, delimiter: str) -> tuple[float, int]:
    """Return the share of the longest run of rows with equally many fields above one, and that number of fields.

    Return zeros if most rows have one field.
    """
    runs: list[tuple[int, int]] = [(0, 0)]
    rows = single = 0
    try:
        for row in filter(any, csv.reader(io.StringIO(probe, newline=""), delimiter=delimiter)):
            rows += 1
            single += len(row) == 1
            length, width = runs[-1]
            # Titles and notes above a table have one field whatever the delimiter is.
            runs.append((length + 1 if len(row) == width else 1, len(row)))
            if rows == _PROBED_ROWS:
                break
    except csv.Error:
        return 0.0, 0
    if not rows:  # Nothing but delimiters.
        return 1.0, 1
    length, width = max((run for run in runs if run[1] > 1), default=(0, 0))
    return (length / rows, width) if length and single * 2 <= rows else (0.0, 0)
