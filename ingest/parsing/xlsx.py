"""Parse XLSX into one section per sheet."""

import re
from collections.abc import Iterator
from datetime import datetime, time
from io import BytesIO
from typing import Final
from zipfile import ZipFile

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from ingest.parsing.office_archive import DAMAGE, damaged, encrypted, open_office, pieces_of
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.table import add_table
from ingest.parsing.table_row import Row
from rag.errors import InvalidInput

# calamine allocates the whole rectangle between the first and the last cell, empty cells included.
_MAX_CELLS: Final = 5_000_000
_SHEETS: Final = "xl/worksheets/"
_ROW_OR_CELL: Final = re.compile(rb"<(?:[\w.-]+:)?(row|c)(?=[\s/>])([^<]*)")
_REFERENCE: Final = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{0,3})(\d{1,7})["']""")
_MAX_TAG_BYTES: Final = 1024 * 1024


def parse_xlsx(body: bytes) -> Outline:
    archive = open_office(body, kind="XLSX", folder="xl/")
    for name in archive.namelist():
        if name.startswith(_SHEETS) and name.endswith(".xml"):
            _require_bounds(archive, name)
    builder = OutlineBuilder()
    try:
        with CalamineWorkbook.from_filelike(BytesIO(body)) as workbook:
            for name in workbook.sheet_names:
                sheet = workbook.get_sheet_by_name(name)
                if sheet.height:
                    # A heading of level 1 would become the title.
                    builder.add_heading(2, name)
                    add_table((Row(cells=tuple(map(_text_of, row))) for row in sheet.iter_rows()), builder)
    except PasswordError as error:
        raise encrypted("XLSX") from error
    except (CalamineError, *DAMAGE) as error:
        raise damaged("XLSX") from error
    return builder.build()


def _require_bounds(archive: ZipFile, name: str) -> None:
    row = column = last_row = last_column = 0
    for text in _pieces_between_tags(archive, name):
        for kind, attributes in _ROW_OR_CELL.findall(text):
            # A row or cell without a reference follows the previous one.
            reference = _REFERENCE.search(attributes)
            if kind == b"row":
                row, column = int(reference[2]) if reference else row + 1, 0
            elif reference:
                row, column = int(reference[2]), _number_of(reference[1])
            else:
                column += 1
            last_row, last_column = max(last_row, row), max(last_column, column)
        if last_row * last_column > _MAX_CELLS:
            raise InvalidInput(
                f"XLSX with a sheet of at least {last_row:,} rows and {last_column:,} columns, "
                f"which exceeds the limit of {_MAX_CELLS:,} cells; split the sheet"
            )


def _pieces_between_tags(archive: ZipFile, name: str) -> Iterator[bytes]:
    """Yield the part in pieces that never end inside a tag."""
    rest = b""
    for piece in pieces_of(archive, name):
        text, opened, rest = (rest + piece).rpartition(b"<")
        rest = opened + rest
        if len(rest) > _MAX_TAG_BYTES:
            raise damaged("XLSX")
        yield text
    yield rest


def _number_of(column: bytes) -> int:
    number = 0
    for letter in column.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def _text_of(value: object) -> str:
    """Return a value roughly as the sheet shows it: integers without a fraction, dates without a time."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return f"{value:.0f}"
        case float():
            return f"{value:.12g}"
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case _:
            return str(value)
