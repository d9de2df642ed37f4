"""Collect the cells of an HTML table, and decide which tables hold values and which only arrange the page."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from ingest.parsing.outline import OutlineBuilder
from ingest.parsing.tables.row import Cell, SpannedRow, spread
from ingest.parsing.tables.table import add_table
from rag.types import Place

_SECTIONS = {"thead", "tbody", "tfoot"}
# Deeper tables are read as blocks, because the text of a cell is copied into the cell around it.
_MAX_DEPTH = 20
_PROBED_ROWS = 5
# A single row with more text arranges the page.
_MAX_ROW_CHARACTERS = 500
# Browsers limit spans in the same way.
_MAX_COLUMNS = 1_000
_MAX_ROWS = 65_534
_HEADINGS = "td h1, td h2, td h3, td h4, td h5, td h6"
_PAGE_PARTS = f"{_HEADINGS}, td table, td pre, td form, td div div, td p + p + p"
_BLOCKS = "td div, td ul, td ol, td dl, td table, td pre, td h1, td h2, td h3, td h4"
_BREAK = re.compile(r"(\s*[\n\v]\s*)")
# A break in a cell: of a line or a paragraph, and between the items of a list.
LINE_BREAK = "\n"
ITEM_BREAK = "\v"


class HtmlTable:
    """The rows of one table so far."""

    def __init__(self, outer: list[str]) -> None:
        self.outer = outer
        """The text around the table, if it is in a cell of another table."""
        self.caption = ""
        self._rows: list[SpannedRow] = []
        self._cells: list[Cell] = []
        self._are_headers: list[bool] = []
        self._first_is_header: list[bool] = []

    def add_cell(self, node: LexborNode, text: str) -> None:
        columns, rows = _span(node, "colspan", _MAX_COLUMNS), _span(node, "rowspan", _MAX_ROWS)
        self._cells.append(Cell(text=text, columns=columns or 1, rows=_MAX_ROWS if rows == 0 else rows or 1))
        self._are_headers.append(node.tag == "th")

    def end_row(self, node: LexborNode, place: Place | None) -> None:
        if not self._cells:
            return
        filled = [is_header for cell, is_header in zip(self._cells, self._are_headers, strict=True) if cell.text]
        in_head = node.parent is not None and node.parent.tag == "thead"
        # A single heading cell across the table is the title of the rows below it.
        is_header = in_head or (all(filled) and (len(filled) > 1 or len(self._cells) == 1))
        is_title = len(self._cells) == 1 and self._cells[0].columns > 1
        self._rows.append(
            SpannedRow(
                cells=self._cells,
                place=place,
                is_header=is_header and not is_title,
                is_bold=len(self._rows) < _PROBED_ROWS and _is_bold(node),
            )
        )
        self._first_is_header.append(self._are_headers[0] and not all(self._are_headers))
        self._cells, self._are_headers = [], []

    def add_to(self, builder: OutlineBuilder) -> None:
        builder.add_block(self.caption)
        for rows, has_row_header in self._parts():
            add_table(spread(rows), builder, has_row_header=has_row_header)

    def line(self) -> str:
        """Return the table as one line, for the cell that contains it."""
        builder = OutlineBuilder()
        self.add_to(builder)
        return "; ".join(section.text.replace("\n\n", "; ") for section in builder.build().sections)

    def _parts(self) -> Iterator[tuple[list[SpannedRow], bool]]:
        """Yield the rows in parts; header rows below other rows begin a part with columns of its own."""
        start = 0
        for index in range(1, len(self._rows) + 1):
            is_end = index == len(self._rows)
            if is_end or (self._rows[index].is_header and not self._rows[index - 1].is_header):
                part = self._rows[start:index]
                body = [first for row, first in zip(part, self._first_is_header[start:index], strict=True) if first]
                yield part, bool(body) and len(body) * 2 > len(part) and not any(row.is_header for row in part)
                start = index


def is_layout(table: LexborNode, depth: int) -> bool:
    """Return whether the table only arranges parts of the page; `depth` is the number of tables around it."""
    if depth >= _MAX_DEPTH or table.attrs.sget("role") in {"presentation", "none"}:
        return True
    rows = list(_first_rows(table))
    if any(row.tag in {"caption", "thead"} for row in rows):
        return False
    cells = [[child for child in row.iter() if child.tag in {"td", "th"}] for row in rows]
    if any(cell.tag == "th" for row in cells for cell in row):
        return False
    if len(cells) > 1 and max(map(len, cells)) > 1:
        return table.css_first(_PAGE_PARTS) is not None
    return table.css_first(_BLOCKS) is not None or len(table.text()) > _MAX_ROW_CHARACTERS


def cell_text(parts: list[str]) -> str:
    """Return the text of a cell on one line. A number and the number on the next line stay separate."""
    first, *rest = _BREAK.split("".join(parts).strip())
    text = first
    for between, line in zip(rest[::2], rest[1::2], strict=True):
        is_apart = "\v" in between or (text[-1:].isdigit() and line[:1].isdigit())
        text += ("; " if is_apart and text[-1:] not in ":;" else " ") + line
    return " ".join(text.split())


def _first_rows(table: LexborNode) -> Iterator[LexborNode]:
    """Yield the first rows, and the table's caption and head if they come before them."""
    count = 0
    for part in table.iter():
        if part.tag in {"caption", "thead"}:
            yield part
        for row in part.iter() if part.tag in _SECTIONS else (part,):
            if row.tag == "tr":
                yield row
                count += 1
            if count >= _PROBED_ROWS:
                return


def _span(node: LexborNode, name: str, most: int) -> int | None:
    digits = re.match(r"\s*(\d{1,9})", node.attrs.sget(name))
    return min(int(digits[1]), most) if digits else None


def _is_bold(row: LexborNode) -> bool:
    cells = [cell for cell in row.iter() if cell.tag in {"td", "th"} and cell.text().strip()]
    return bool(cells) and all(_has_only_bold(cell) for cell in cells)


def _has_only_bold(cell: LexborNode) -> bool:
    bold = next(cell.iter(), None)
    return bold is not None and bold.tag in {"b", "strong"} and bold.text().strip() == cell.text().strip()
