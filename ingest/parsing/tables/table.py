"""Convert the rows of a table to text: each value follows its column's name, so that a row is clear on its own.

Every format hands its tables to `add_table`. Formats with merged cells expand them with `spread` first.
"""

from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, pairwise

from ingest.parsing.outline import OutlineBuilder
from ingest.parsing.tables.column_names import is_column_name
from ingest.parsing.tables.header import Header, find_header, find_keys, is_value
from ingest.parsing.tables.row import Row, column_letters, place_words

# So many rows show what the columns hold.
_PROBED_ROWS = 60
_PROBED_BELOW = 10
# A longer row has one value per line, so that the chunker can split it between values. Bytes follow the number of
# tokens better than characters do: Chinese has about one token per character.
_MAX_LINE_BYTES = 400
# A longer value has several lines, each behind its label.
_MAX_VALUE_BYTES = 500
# A declared header can be a paragraph, which would repeat in each row.
_MAX_LABEL_CHARACTERS = 120
_MAX_KEY_CHARACTERS = 80
_MAX_KEY_COLUMNS = 3
_FOOTNOTE_MARKS = "*†‡¹²³"
_DASH = "\u2013"
_LONG_NOTE_CHARACTERS = 60
_SENTENCE_ENDS = (". ", "! ", "? ", "; ", "\u3002", "\uff01", "\uff1f", ", ", " ")


def add_table(
    rows: Iterable[Row], builder: OutlineBuilder, *, header_rows: int | None = None, has_row_header: bool = False
) -> "Layout":
    """Add a block for each row with a value, and return how the rows were labelled.

    `header_rows` is the number of header rows if the format knows it; None searches for evidence of a header.
    `has_row_header` says that the first column names the rows.
    """
    filled = (row for row in map(_tidy, rows) if any(row.cells))
    head = list(islice(filled, _PROBED_ROWS))
    layout, body = _begin(head, builder, header_rows, has_row_header)
    return layout.add_rows(chain(body, filled), builder)


def _begin(
    head: Sequence[Row], builder: OutlineBuilder, header_rows: int | None = None, has_row_header: bool = False
) -> tuple["Layout", Sequence[Row]]:
    """Return the layout and the rows below the header; the rows above it and a header without rows become blocks."""
    layout, header = _layout_of(head, header_rows, has_row_header)
    if not header:
        return layout, head
    for row in head[: header.first]:
        builder.add_block(plain_line(row), row.place)
    if layout.is_cut or len(head) == header.end:
        for row in head[header.first : header.end]:
            builder.add_block(plain_line(row), row.place)
    if not header.is_certain:
        builder.warn("guessed_header", place=place_words(head[header.first].place))
    return layout, head[header.end :]


def plain_line(row: Row) -> str:
    """Return the values of a row without labels."""
    return " | ".join(value for index, value in enumerate(row.cells) if value and index not in row.merged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the rows of a table become text."""

    names: tuple[str, ...] = ()
    """The columns' names. A column without a name has its letter."""
    header: tuple[str, ...] = ()
    """The lowest header row, which long tables repeat on each printed page."""
    keys: tuple[int, ...] = (0,)
    """The columns that identify a row."""
    columns: tuple[int, ...] = (0,)
    """The columns with values."""
    number_columns: tuple[int, ...] = ()
    """The columns that hold numbers below the header."""
    is_cut: bool = False
    """True if a name is a paragraph, which was shortened."""
    is_labelled: bool = True
    """False for a single column or row, whose values need no labels."""
    has_row_header: bool = False
    """True if the first column names the other values of its row, and the columns have no names."""
    is_declared: bool = False
    """True if the format says which rows are the header. Rows that only look like one are data then."""

    def add_rows(self, rows: Iterable[Row], builder: OutlineBuilder) -> "Layout":
        """Add a block for each row. A further header among them begins another table; return the last layout."""
        layout, used = self, set[int]()
        rest, ahead = iter(rows), deque[Row]()
        while row := ahead.popleft() if ahead else next(rest, None):
            if row.cells == layout.header:
                continue
            if layout.is_contradicted_by(row):
                ahead.extend(islice(rest, max(0, _PROBED_BELOW - len(ahead))))
                header = find_header([row, *ahead])
                if header and header.first == 0 and header.is_certain:
                    layout.add_unused(used, builder)
                    layout, body = _begin([row, *ahead], builder)
                    used, ahead = set(), deque(body)
                    continue
            filled = [index for index, value in enumerate(row.cells) if value]
            used.update(filled)
            builder.add_block(layout.text_of(row, filled), row.place)
        layout.add_unused(used, builder)
        return layout

    def is_contradicted_by(self, row: Row) -> bool:
        """Return True for words in all columns of numbers that are usual names of columns."""
        values = [row.cell(index) for index in self.number_columns]
        if self.is_declared or not values or not all(values) or any(map(is_value, values)):
            return False
        filled = [value for value in row.cells if value]
        return sum(map(is_column_name, filled)) * 2 >= len(filled)

    def add_unused(self, used: Container[int], builder: OutlineBuilder) -> None:
        """Add the names of the columns without values, which no row shows."""
        unused = [name for index, name in enumerate(self.names) if name and index not in used]
        if used and unused:
            builder.add_block(f"Columns without values: {', '.join(unused)}")

    def text_of(self, row: Row, filled: Sequence[int]) -> str:
        if not self.is_labelled or _is_remark(row, filled, self):
            return plain_line(row)
        if self.has_row_header and filled[0] == self.columns[0] and len(filled) > 1:
            values = " | ".join(row.cells[index] for index in filled[1:])
            return "\n".join(f"{row.cells[filled[0]].rstrip(':')}: {part}" for part in _parts(values))
        if not self.names and any(row.cells[index].endswith(":") for index in filled):
            return _form_line([row.cells[index] for index in filled])
        line = " | ".join(self._labelled(index, row.cells[index]) for index in filled)
        if len(line) * 4 <= _MAX_LINE_BYTES or len(line.encode(errors="ignore")) <= _MAX_LINE_BYTES:
            return line
        return "\n".join(self._lines(row, filled))

    def _lines(self, row: Row, filled: Sequence[int]) -> Iterator[str]:
        """Yield a line with what identifies the row, then a line for each other value, which repeats it."""
        key = ", ".join(row.cells[index] for index in self.keys if index < len(row.cells) and row.cells[index])
        if len(key) > _MAX_KEY_CHARACTERS:
            key = f"{key[:_MAX_KEY_CHARACTERS].rpartition(' ')[0] or key[:_MAX_KEY_CHARACTERS]} …"
        if key:
            yield " | ".join(self._labelled(index, row.cells[index]) for index in filled if index in self.keys)
        for index in filled:
            if index not in self.keys:
                for part in _parts(row.cells[index]):
                    yield f"{key} {_DASH} {self._labelled(index, part)}" if key else self._labelled(index, part)

    def _labelled(self, index: int, value: str) -> str:
        name = self.names[index] if index < len(self.names) else ""
        if name:
            return f"{name}: {value}"
        # A header often leaves the corner above the rows' names empty.
        return value if self.names and index == self.columns[0] else f"{column_letters(index)}: {value}"


def _tidy(row: Row) -> Row:
    cells = tuple([" ".join(value.split()) for value in row.cells])
    return row if cells == row.cells else replace(row, cells=cells)


def _layout_of(head: Sequence[Row], header_rows: int | None, has_row_header: bool) -> tuple[Layout, Header | None]:
    is_declared = bool(header_rows) or any(row.is_header for row in head)
    if header_rows is None:
        is_keyed = not is_declared and (has_row_header or find_keys(head))
        header = None if is_keyed else find_header(head)
    else:
        is_keyed, header = has_row_header, Header(0, min(header_rows, len(head))) if header_rows else None
    body = head[header.end :] if header else head
    columns = sorted({index for row in head for index, value in enumerate(row.cells) if value})
    names = _names_of(head[header.first : header.end]) if header else ()
    layout = Layout(
        names=tuple(map(_shortened, names)),
        header=head[header.end - 1].cells if header else (),
        keys=_keys_of(body, columns),
        columns=tuple(columns) or (0,),
        number_columns=tuple(index for index in columns if _holds_numbers(body, index)),
        is_cut=any(len(name) > _MAX_LABEL_CHARACTERS for name in names),
        is_labelled=bool(names) or min(len(columns), len(head)) > 1,
        has_row_header=is_keyed and not header,
        is_declared=is_declared,
    )
    return layout, header


def _names_of(rows: Sequence[Row]) -> list[str]:
    """Return one name per column: the levels of the header joined by slashes, and unique."""
    width = max(len(row.cells) for row in rows)
    levels = [*map(_continued, rows[:-1]), rows[-1].cells]
    names: list[str] = []
    seen: set[str] = set()
    for index in range(width):
        parts = [level[index] for level in levels if index < len(level) and level[index]]
        name = " / ".join(dict.fromkeys(part.rstrip(" :") or part for part in parts))
        number, unique = 1, name
        while unique and unique in seen:
            number += 1
            unique = f"{name} ({number})"
        seen.add(unique)
        names.append(unique)
    return names


def _continued(row: Row) -> list[str]:
    """Return the upper header row with its values repeated over the empty cells on their right."""
    cells: list[str] = []
    for value in row.cells:
        cells.append(value or (cells[-1] if cells else ""))
    return cells


def _keys_of(rows: Sequence[Row], columns: Sequence[int]) -> tuple[int, ...]:
    """Return the leading columns that distinguish the rows, with at least one that has words."""
    for count in range(1, min(_MAX_KEY_COLUMNS, len(columns) - 1) + 1):
        keys = [tuple(row.cell(index) for index in columns[:count]) for row in rows]
        has_words = any(character.isalpha() for key in keys[:10] for part in key for character in part)
        if has_words and len(set(keys)) == len(keys):
            return tuple(columns[:count])
    return tuple(columns[:1])


def _holds_numbers(rows: Sequence[Row], index: int) -> bool:
    values = [row.cells[index] for row in rows if row.cell(index)]
    return bool(values) and sum(map(is_value, values)) * 4 >= len(values) * 3


def _is_remark(row: Row, filled: Sequence[int], layout: Layout) -> bool:
    """Return True for a title across the table, or a note below it."""
    own = [index for index in filled if index not in row.merged]
    if len(own) > 1:
        return False
    value = row.cells[filled[0]]
    is_note = len(value) > _LONG_NOTE_CHARACTERS or value[0] in _FOOTNOTE_MARKS
    return len(filled) > 1 or (is_note and filled[0] == layout.columns[0] and len(layout.columns) > 1)


def _form_line(values: Sequence[str]) -> str:
    """Return the line of a form, in which some cells name the cell on their right: "Name:", "Ada"."""
    line = values[0]
    for before, value in pairwise(values):
        line += f" {value}" if before.endswith(":") and not value.endswith(":") else f" | {value}"
    return line


def _shortened(name: str) -> str:
    if len(name) <= _MAX_LABEL_CHARACTERS:
        return name
    return f"{name[:_MAX_LABEL_CHARACTERS].rpartition(' ')[0] or name[:_MAX_LABEL_CHARACTERS]} …"


def _parts(value: str) -> Iterator[str]:
    """Split a long value at the ends of sentences, or else between words."""
    size = max(1, _MAX_VALUE_BYTES * len(value) // max(len(value.encode(errors="ignore")), 1))
    position = 0
    while len(value) - position > size:
        limit = position + size
        ends = (value.rfind(end, position + size // 2, limit) + len(end) for end in _SENTENCE_ENDS)
        end = next((end for end in ends if end > position + size // 2), limit)
        yield value[position:end].strip()
        position = end
    yield value[position:].strip()
