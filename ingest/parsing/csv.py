"""Parse CSV into one paragraph per row, each value behind the name of its column."""

import csv
import io
from collections import Counter
from typing import Final

from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.table import add_table
from ingest.parsing.table_row import Row
from rag.errors import InvalidInput

_DELIMITERS: Final = ",;\t|"
_PROBE_CHARACTERS: Final = 64_000
_PROBED_ROWS: Final = 50
_MAX_FIELD_CHARACTERS: Final = 1_000_000
# Excel can write a first line that declares the delimiter.
_DECLARATION: Final = "sep="


def parse_csv(text: str) -> Outline:
    """Parse CSV; the delimiter is declared, or else the one that gives the first rows equally many fields."""
    delimiter = max(_DELIMITERS, key=lambda delimiter: _regularity(text[:_PROBE_CHARACTERS], delimiter))
    if text[:4].lower() == _DECLARATION:
        delimiter, text = text[4:5] or ",", text.partition("\n")[2]
    csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    builder = OutlineBuilder()
    try:
        add_table((Row(cells=tuple(row)) for row in rows), builder)
    except (csv.Error, TypeError) as error:
        raise InvalidInput(f"invalid CSV in line {rows.line_num}: {error}") from error
    return builder.build()


def _regularity(probe: str, delimiter: str) -> tuple[float, int]:
    """Return the share of rows with the most common number of fields, and that number."""
    widths: Counter[int] = Counter()
    try:
        for row in csv.reader(io.StringIO(probe, newline=""), delimiter=delimiter):
            widths[len(row)] += 1
            if widths.total() == _PROBED_ROWS:
                break
    except csv.Error:
        return 0.0, 0
    width, rows = widths.most_common(1)[0] if widths else (0, 0)
    return (rows / widths.total(), width) if width > 1 else (0.0, 0)
