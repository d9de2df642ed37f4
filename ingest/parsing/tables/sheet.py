"""Find the tables of a sheet: blank rows and blank columns separate them, and each has its own header."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby, islice, pairwise

from ingest.parsing.outline import OutlineBuilder
from ingest.parsing.tables.header import find_header, is_value
from ingest.parsing.tables.row import Row
from ingest.parsing.tables.table import Layout, add_table, plain_line

_PROBED_ROWS = 60
_MAX_SIDE_BY_SIDE = 20


def add_sheet(rows: Iterable[Row], builder: OutlineBuilder) -> None:
    """Add the tables of a sheet. Rows that continue a table after a blank row keep its labels."""
    layout: Layout | None = None
    # Rows without neighbours: titles, notes, or a header with a blank row below it.
    alone: list[Row] = []
    for block in _blocks(rows):
        head = list(islice(block, _PROBED_ROWS))
        if len(head) == 1:
            if layout and not alone and _continues(layout, head):
                layout.add_rows(head, builder)
            else:
                alone += head
                if len(alone) <= _PROBED_ROWS and (header := find_header(alone)) and header.is_certain:
                    # Every second row of the sheet is blank.
                    layout, alone = add_table(alone, builder), []
            continue
        segments = _segments(head)
        if len(segments) > 1:
            _add_plain(alone, builder)
            _add_side_by_side(chain(head, block), segments, builder)
        else:
            layout = _add_block([*alone, *head], len(alone), block, layout, builder)
        alone = []
    add_table(alone, builder)


def _blocks(rows: Iterable[Row]) -> Iterator[Iterator[Row]]:
    """Yield the rows between blank rows. A row that is marked as a header begins a block as well."""
    number = 0
    before: Row | None = None

    def block_of(row: Row) -> int:
        nonlocal number, before
        is_blank = not any(row.cells)
        if is_blank or before is None or (_stands_out(row) and not _stands_out(before)):
            number += 1
        before = None if is_blank else row
        return -1 if is_blank else number

    for key, block in groupby(rows, block_of):
        if key >= 0:
            yield block


def _stands_out(row: Row) -> bool:
    """Return True for a header by its marks. A bold row with numbers is a sum."""
    filled = [value for value in row.cells if value]
    return row.is_header or (row.is_bold and len(filled) > 1 and not any(map(is_value, filled)))


def _add_block(
    head: Sequence[Row], alone: int, rest: Iterator[Row], layout: Layout | None, builder: OutlineBuilder
) -> Layout | None:
    header = find_header(head)
    if layout and not (header and header.is_certain) and _continues(layout, head[alone:]):
        _add_plain(head[:alone], builder)
        layout.add_rows(chain(head[alone:], rest), builder)
        return layout
    if header is None:
        _add_plain(head[:alone], builder)
        head = head[alone:]
    return add_table(chain(head, rest), builder)


def _continues(layout: Layout, rows: Sequence[Row]) -> bool:
    """Return True if the rows are in the table's columns, with numbers where the table has numbers."""
    columns = {index for row in rows for index, value in enumerate(row.cells) if value}
    if not layout.names or not columns <= set(layout.columns) or (len(rows) == 1 and len(columns) < 2):
        return False
    if not layout.number_columns:
        return columns == set(layout.columns)
    values = [row.cells[index] for row in rows for index in layout.number_columns if row.cell(index)]
    return bool(values) and sum(map(is_value, values)) * 4 >= len(values) * 3


def _segments(head: Sequence[Row]) -> list[range]:
    """Return the columns of tables that are side by side: a blank column between, and each with its own header."""
    # A row with one value is a title.
    used = {index for row in head if row.width > 1 for index, value in enumerate(row.cells) if value}
    runs: list[range] = []
    for index in sorted(used):
        if runs and runs[-1].stop == index:
            runs[-1] = range(runs[-1].start, index + 1)
        else:
            runs.append(range(index, index + 1))
    if not 1 < len(runs) <= _MAX_SIDE_BY_SIDE or not all(_is_table(head, run) for run in runs):
        return []
    starts, width = [0, *(run.start for run in runs[1:])], max(len(row.cells) for row in head)
    return [range(start, end) for start, end in pairwise([*starts, width])]


def _is_table(head: Sequence[Row], run: range) -> bool:
    """Return True if the columns have a header, and a first column of words that distinguishes the rows.

    A blank column can also separate two groups of columns of one table, which must not lose their row's name.
    """
    rows = [row for row in (_only(row, run) for row in head) if any(row.cells)]
    header = find_header(rows)
    if len(run) < 2 or not header:
        return False
    keys = [row.cell(run.start) for row in rows[header.end :]]
    return all(keys) and len(set(keys)) == len(keys) and not all(map(is_value, keys))


def _add_side_by_side(rows: Iterable[Row], segments: Sequence[range], builder: OutlineBuilder) -> None:
    later: list[list[Row]] = [[] for _ in segments[1:]]

    def first() -> Iterator[Row]:
        for row in rows:
            for kept, segment in zip(later, segments[1:], strict=True):
                kept.append(_only(row, segment))
            yield _only(row, segments[0])

    add_sheet(first(), builder)
    for kept in later:
        add_sheet(kept, builder)


def _only(row: Row, columns: range) -> Row:
    """Return the row with the cells of these columns only, at their places."""
    cells = ("",) * columns.start + row.cells[columns.start : columns.stop]
    return replace(row, cells=cells, merged=frozenset(index for index in row.merged if index in columns))


def _add_plain(rows: Iterable[Row], builder: OutlineBuilder) -> None:
    for row in rows:
        builder.add_block(plain_line(row), row.place)
