"""CSV: a row a paragraph, each value behind its column's name."""

import csv
import io
from collections import Counter
from typing import Final

from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.table import add_table
from rag.errors import InvalidInput

_DELIMITERS: Final = ",;\t|"
_PROBE_CHARACTERS: Final = 64_000
_PROBED_ROWS: Final = 50
_LONGEST_FIELD: Final = 1_000_000
# Excel writes it as a first line of its own.
_ANNOUNCED: Final = "sep="


def parse_csv(text: str) -> Outline:
    """The delimiter is the one that cuts the first rows into the same number of fields."""
    delimiter = _delimiter_of(text)
    if text[:4].lower() == _ANNOUNCED:
        delimiter, text = text[4:5] or ",", text.partition("\n")[2]
    csv.field_size_limit(_LONGEST_FIELD)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    builder = OutlineBuilder()
    try:
        add_table(rows, builder)
    except (csv.Error, TypeError) as error:
        raise InvalidInput(f"broken CSV: line {rows.line_num}: {error}") from error
    return builder.build()


def _delimiter_of(text: str) -> str:
    return max(_DELIMITERS, key=lambda delimiter: _evenness(text[:_PROBE_CHARACTERS], delimiter))


def _evenness(probe: str, delimiter: str) -> tuple[float, int]:
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
