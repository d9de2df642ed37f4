"""Read the tables of reStructuredText: grids, simple tables, and the rows of directives."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from ingest.parsing.tables.row import Cell, SpannedRow
from rag.types import Place

GRID = re.compile(r"\s*\+(?:[-=]+\+)+\s*$")
SIMPLE = re.compile(r"\s*=+(?: +=+)+\s*$")
_UNDERLINE = re.compile(r"\s*-+(?: +-+)*\s*$")
_COLUMN = re.compile(r"[=-]+")
_ITEM = re.compile(r"(\s*)([*-])(?:\s+|$)(?:([*-])(?:\s+|$))?")
# Each cell of a grid is searched for along its borders.
_MAX_GRID_CHARACTERS = 200_000
_MAX_STEPS = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RstCell:
    """The lines of a cell, and how far it spans."""

    lines: Sequence[str]
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RstTable:
    """A table: its rows with the line of each, counted from its first line, and the number of header rows."""

    rows: Sequence[tuple[int, Sequence[RstCell]]]
    header_rows: int = 0
    has_row_header: bool = False


def end_of_table(lines: Sequence[str], index: int) -> int:
    """Return the end of the table that begins at `index`, or `index` without a table."""
    if GRID.match(lines[index]):
        end = index
        while end < len(lines) and lines[end].lstrip()[:1] in ("+", "|"):
            end += 1
        return end if GRID.match(lines[end - 1]) else index
    if not SIMPLE.match(lines[index]):
        return index
    borders = 0
    for end in range(index, len(lines)):
        if SIMPLE.match(lines[end]):
            borders += 1
            is_last = end + 1 == len(lines) or not lines[end + 1].strip()
            if borders > 2 or (borders == 2 and is_last):
                return end + 1
    return index


def read_table(lines: Sequence[str]) -> RstTable | None:
    """Return the grid or simple table in the lines, or None if its borders do not fit together."""
    if GRID.match(lines[0]):
        return _read_grid(lines) if sum(map(len, lines)) <= _MAX_GRID_CHARACTERS else None
    return _read_simple(lines)


def read_csv(lines: Sequence[str], options: Mapping[str, str]) -> RstTable:
    """Return the rows of a `csv-table` directive."""
    delimiter = {"tab": "\t", "space": " "}.get(options.get("delim", ","), options.get("delim", ",")[:1] or ",")
    header = [options["header"]] if "header" in options else []
    reader = csv.reader([*header, *lines], delimiter=delimiter, skipinitialspace=True)
    try:
        rows = [
            (max(reader.line_num - len(header) - 1, 0), [RstCell(lines=[value]) for value in row]) for row in reader
        ]
    except csv.Error:
        rows = [(number, [RstCell(lines=[line])]) for number, line in enumerate(lines)]
    return RstTable(
        rows=rows,
        header_rows=len(header) + _number(options, "header-rows"),
        has_row_header=_number(options, "stub-columns") > 0,
    )


def read_list(lines: Sequence[str], options: Mapping[str, str]) -> RstTable:
    """Return the rows of a `list-table` directive: a list of lists."""
    rows: list[tuple[int, list[RstCell]]] = []
    cell: list[str] = []
    for number, line in enumerate(lines):
        item = _ITEM.match(line)
        if item and item[3] and not item[1]:
            rows.append((number, []))
        is_cell = item is not None and rows and (bool(item[3]) if not item[1] else len(item[1]) <= 2)
        if is_cell and item is not None:
            cell = [line[item.end() :]]
            rows[-1][1].append(RstCell(lines=cell))
        else:
            cell.append(line.strip())
    return RstTable(
        rows=rows,
        header_rows=_number(options, "header-rows"),
        has_row_header=_number(options, "stub-columns") > 0,
    )


def _number(options: Mapping[str, str], name: str) -> int:
    return int(options[name]) if options.get(name, "").isdecimal() else 0


def _read_grid(lines: Sequence[str]) -> RstTable | None:
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    width = max(map(len, lines)) - indent
    grid = [line[indent:].rstrip().ljust(width) for line in lines]
    cells: dict[tuple[int, int], tuple[int, int]] = {}
    corners, steps = [(0, 0)], count()
    while corners:
        top, left = corner = corners.pop()
        if corner in cells or top >= len(grid) - 1 or left >= width - 1:
            continue
        found = _corner_opposite(grid, top, left, steps)
        if found is None:
            continue
        cells[corner] = found
        corners += [(top, found[1]), (found[0], left)]
    tops = sorted({top for top, _ in cells} | {bottom for bottom, _ in cells.values()})
    lefts = sorted({left for _, left in cells} | {right for _, right in cells.values()})
    row_at, column_at = ({offset: index for index, offset in enumerate(offsets)} for offsets in (tops, lefts))
    rows: list[tuple[int, list[RstCell]]] = [(top + 1, []) for top in tops[:-1]]
    for (top, left), (bottom, right) in sorted(cells.items()):
        rows[row_at[top]][1].append(
            RstCell(
                lines=[line[left + 1 : right].strip() for line in grid[top + 1 : bottom]],
                columns=column_at[right] - column_at[left],
                rows=row_at[bottom] - row_at[top],
            )
        )
    header = next((number for number, line in enumerate(grid) if number and set(line.strip()) <= set("+=")), None)
    return RstTable(rows=rows, header_rows=row_at.get(header, 0) if header is not None else 0) if rows else None


def _corner_opposite(grid: Sequence[str], top: int, left: int, steps: Iterator[int]) -> tuple[int, int] | None:
    """Return the lower right corner of the cell whose upper left corner is given; `steps` limits the search."""
    right = left + 1
    while right < len(grid[top]) and grid[top][right] in "-=+":
        if grid[top][right] == "+":
            bottom = top + 1
            while bottom < len(grid) and grid[bottom][right] in "|+" and next(steps) < _MAX_STEPS:
                if grid[bottom][right] == "+" and _is_closed(grid, top, left, bottom, right):
                    return bottom, right
                bottom += 1
        right += 1
    return None


def _is_closed(grid: Sequence[str], top: int, left: int, bottom: int, right: int) -> bool:
    return set(grid[bottom][left : right + 1]) <= set("-=+") and all(
        grid[row][left] in "|+" for row in range(top, bottom + 1)
    )


def _read_simple(lines: Sequence[str]) -> RstTable:
    starts = [column.start() for column in _COLUMN.finditer(lines[0])]
    rows: list[tuple[int, list[RstCell]]] = []
    pending: list[str] = []
    first = header = 0

    def end_row(border: str) -> None:
        if pending:
            # Below a row, dashes show which columns its values span.
            begins = [column.start() for column in _COLUMN.finditer(border)]
            rows.append((first, _simple_cells(pending, [start for start in begins if start in starts], starts)))
            pending.clear()

    for number, line in enumerate(lines[1:], 1):
        if SIMPLE.match(line) or (pending and _UNDERLINE.match(line) and "-" in line):
            end_row(line)
            header = len(rows) if SIMPLE.match(line) and number < len(lines) - 1 else header
        elif not line.strip():
            continue
        elif pending and not line[: starts[1]].strip():
            pending.append(line)
        else:
            end_row(lines[0])
            first = number
            pending.append(line)
    return RstTable(rows=rows, header_rows=header)


def _simple_cells(lines: Sequence[str], begins: Sequence[int], starts: Sequence[int]) -> list[RstCell]:
    ends = [*begins[1:], None]
    return [
        RstCell(
            lines=[line[begin:end].strip() for line in lines],
            columns=sum(1 for start in starts if begin <= start and (end is None or start < end)),
        )
        for begin, end in zip(begins, ends, strict=True)
    ]


def to_rows(table: RstTable, texts: Iterator[str], first_line: int) -> Iterator[SpannedRow]:
    """Yield the rows with the text of each cell from `texts`, in the order of the cells."""
    for number, cells in table.rows:
        yield SpannedRow(
            cells=[Cell(text=next(texts), columns=cell.columns, rows=cell.rows) for cell in cells],
            place=Place(line=first_line + number),
        )
