"""Find the header of a table by evidence: a header is never guessed from data."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from ingest.parsing.tables.column_names import is_column_name
from ingest.parsing.tables.row import Row

# A few title and note rows may precede the header.
_MAX_ROWS_ABOVE = 10
_MAX_LEVELS = 3
_MAX_NAME_CHARACTERS = 100
# Columns of surveys are named by questions.
_MAX_QUESTION_CHARACTERS = 300
_MAX_KEY_CHARACTERS = 60
_MAX_UNIT_CHARACTERS = 12
# The patterns below take quadratic time.
_MAX_VALUE_CHARACTERS = 60

# Points of evidence. Numbers below a word prove a header together with a second sign, and so do two columns of numbers.
_NUMBERS_BELOW = 2
_SIGN = 1
_BOLD = 3
_CERTAIN = 3
_PLAUSIBLE = 2

# An amount, a date, a time, a percentage, with a currency or a short unit; a code such as PO-04711; a truth value.
_VALUE = re.compile(
    r"(?:[A-Z]{1,3}\s?)?[-+(]?[$€£¥₹]?\s?[-+]?[\d.,' ]*\d[\d.,:/T' -]*\)?\s*(?:[%‰°€$£¥]|[A-Za-zµ°]{1,3})?"
    r"|[A-Z]{1,4}-?\d{2,}|0x[\da-fA-F]+|(?i:true|false)|\d+\s+\d+/\d+|[-+]?\d(?:\.\d+)?[eE][-+]?\d+"
)
_YEAR = re.compile(r"(?:1[89]|2[01])\d\d")
_DATE = re.compile(r"(?:1[89]|2[01])\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:1[89]|2[01])?\d\d")
_CODE = re.compile(r"[A-Z]{1,4}[-/ ']?\d[\w./' -]{0,12}")
_PERIOD = re.compile(r"(?:[QHWTS]|FY|KW|CW)[ -]?\d{1,4}|(?:1[89]|2[01])\d\d[-/ ]?(?:[QHW]\d{1,2}|\d\d)", re.IGNORECASE)
_PLACEHOLDERS = frozenset(
    ["", *"-\u2013\u2014?.\u2026", "n/a", "n.a.", "na", "none", "null", "nan", "tbd", "...", "unknown", "#n/a"]
)
_ADDRESS = re.compile(r"\S+@\S+\.\w+|https?://\S+|www\.\S+")


@dataclass(frozen=True, slots=True)
class Header:
    """The header rows of a table: from `first` to before `end`."""

    first: int
    end: int
    is_certain: bool = True


def find_header(rows: Sequence[Row]) -> Header | None:
    """Return the header among the first rows, or None without evidence."""
    if declared := [index for index, row in enumerate(rows[:_MAX_ROWS_ABOVE]) if row.is_header]:
        first = end = declared[0]
        while end in declared:
            end += 1
        return Header(first, end)
    widest = max((row.width for row in rows), default=0)
    above = best = 0
    header = None
    for index, row in enumerate(rows[:_MAX_ROWS_ABOVE]):
        width = row.width
        # Rows above the header are narrower: titles, and notes such as "as of | March".
        if width > max(above, 1) and width * 2 >= widest and not _is_group_row(row, rows[index + 1 :]):
            points = _points(row, rows[index + 1 :])
            if points >= _PLAUSIBLE and points > best:
                best, header = points, Header(_top(rows, index), _end(rows, index), points >= _CERTAIN)
            above = width
    return header


def find_keys(rows: Sequence[Row]) -> bool:
    """Return True for a table of two columns whose first column names the values of the second."""
    pairs = [row.cells for row in rows if row.width > 1]
    columns = {index for row in rows for index, value in enumerate(row.cells) if value}
    if len(columns) != 2 or len(pairs) < 2 or any(row.is_header for row in rows[:1]):
        return False
    first, second = sorted(columns)
    keys = [cells[first] for cells in pairs]
    if any(
        not key or len(key) > _MAX_KEY_CHARACTERS or (is_value(key) and not is_column_name(key)) for key in keys
    ) or len(set(keys)) < len(keys):
        return False
    if all(key.endswith((":", "\uff1a")) for key in keys):
        return True
    # "Field | Value" above such a table is its header.
    return not is_column_name(pairs[0][second]) and sum(map(is_column_name, keys)) * 4 >= len(keys) * 3


def is_value(text: str) -> bool:
    """Return True for a number, an amount, a date, a code and the like, but not for a year or a period: a name."""
    return (
        len(text) <= _MAX_VALUE_CHARACTERS
        and bool(_VALUE.fullmatch(text))
        and not (_YEAR.fullmatch(text) or _PERIOD.fullmatch(text))
    )


def _is_group_row(row: Row, below: Sequence[Row]) -> bool:
    """Return True if the row is the upper level of a header: its values are above several names of the next row."""
    if len(below) < 2 or not (row.merged or _gaps(row, below[0])):
        return False
    return _are_names(below[0]) and _points(below[0], below[1:]) >= _PLAUSIBLE


def _top(rows: Sequence[Row], index: int) -> int:
    """Return the first level of the header whose last level is the row at `index`."""
    top = index
    while top > 0 and index - top + 1 < _MAX_LEVELS:
        upper = rows[top - 1]
        first = next(column for column, value in enumerate(rows[index].cells) if value)
        begins = [column for column, value in enumerate(upper.cells) if value and column not in upper.merged]
        is_level = begins[-1] > first and (upper.merged or _gaps(upper, rows[index]))
        if not is_level or any(is_value(value) and not _is_mark(value) for value in upper.cells):
            break
        top -= 1
    return top


def _end(rows: Sequence[Row], index: int) -> int:
    """Return the end of the header whose names are in the row at `index`: a row of units may follow."""
    if index + 2 >= len(rows):
        return index + 1
    units, body = rows[index + 1], rows[index + 2 :]
    columns = [column for column, value in enumerate(units.cells) if value]
    has_units = all(len(units.cells[column]) <= _MAX_UNIT_CHARACTERS for column in columns) and _are_names(units)
    holds_numbers = (_contrast(units.cells[column], [row.cell(column) for row in body]) for column in columns)
    return index + 2 if has_units and all(points == _NUMBERS_BELOW for points in holds_numbers) else index + 1


def _gaps(upper: Row, lower: Row) -> bool:
    """Return True if a value of the upper row is followed by an empty cell above a name of the lower row.

    The name of the first column is in one of the two rows. In both, they are a note and a header.
    """
    first = next(index for index in count() if upper.cell(index) or lower.cell(index))
    if upper.cell(first) and lower.cell(first):
        return False
    begun = False
    for index, name in enumerate(lower.cells):
        begun = begun or bool(upper.cell(index))
        if begun and name and not upper.cell(index):
            return True
    return False


def _are_names(row: Row) -> bool:
    names = [value for value in row.cells if value]
    if any(len(name) > _MAX_QUESTION_CHARACTERS or _is_address(name) for name in names):
        return False
    return row.is_bold or not any(is_value(name) and not _is_mark(name) for name in names)


def _points(row: Row, body: Sequence[Row]) -> int:
    """Return how much speaks for the row being a header of the rows below it; 0 if anything speaks against it."""
    if not body or not _are_names(row):
        return 0
    if row.is_bold and not body[0].is_bold:
        return _BOLD
    if any(is_value(name) and not _is_mark(name) for name in row.cells):
        return 0
    points = named = 0
    names = [(index, name) for index, name in enumerate(row.cells) if name]
    for index, name in names:
        values = [value for other in body if other.cells != row.cells and (value := other.cell(index))]
        if name.lower() in _PLACEHOLDERS or name in values or (_is_mark(name) and _are_marks(values)):
            return 0
        points += _contrast(name, values)
        named += is_column_name(name) and sum(map(is_column_name, values)) * 2 <= len(values)
    if named and all(is_column_name(name) for _, name in names):
        points += 2 * _SIGN
    points += named
    # Names have one style. A word above numbers can also be a remark in place of the first number.
    has_style = len({_case(name) for _, name in names} - {""}) == 1
    is_short = all(len(name) <= _MAX_NAME_CHARACTERS for _, name in names)
    return points if points >= _CERTAIN or (has_style and is_short) else 0


def _contrast(name: str, values: Sequence[str]) -> int:
    """Return how clearly the name differs in kind from the values of its column."""
    values = [value for value in values if value.lower() not in _PLACEHOLDERS]
    if not values:
        return 0
    # A few numbers are missing in most tables, with a word for the reason.
    most = len(values) * 2 / 3
    if sum(is_value(value) or _is_mark(value) for value in values) >= most:
        return _NUMBERS_BELOW
    if len(values) > 1 and sum(map(_has_digit, values)) >= most and not _has_digit(name):
        return _SIGN
    if len(values) > 1 and all(map(_is_address, values)):
        return _NUMBERS_BELOW
    if len(values) > 1 and {_case(value) for value in values} == {"upper": {"lower"}, "lower": {"upper"}}.get(
        _case(name)
    ):
        return _SIGN
    # A further value of a column in which each value recurs would recur as well.
    counts = Counter(values)
    return _SIGN if len(values) > 3 and sum(times == 1 for times in counts.values()) * 5 <= len(values) else 0


def _is_address(text: str) -> bool:
    return len(text) <= _MAX_NAME_CHARACTERS and bool(_ADDRESS.fullmatch(text))


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _case(text: str) -> str:
    return "upper" if text[0].isupper() else "lower" if text[0].islower() else ""


def _is_mark(text: str) -> bool:
    """Return True for a year, a date, or a code such as Q1 2024 or CO2: a name above numbers, a value above others."""
    return len(text) <= _MAX_VALUE_CHARACTERS and any(mark.fullmatch(text) for mark in (_YEAR, _DATE, _CODE))


def _are_marks(values: Sequence[str]) -> bool:
    return bool(values) and sum(map(_is_mark, values)) * 2 > len(values)
