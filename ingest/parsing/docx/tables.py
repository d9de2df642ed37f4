"""Read tables of a Word document: rows with merged, nested and deleted cells."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ingest.parsing.docx.blocks import Block, text_of, without_asides
from ingest.parsing.docx.styles import Styles
from ingest.parsing.ooxml.package import child_of, is_on, number_of, value_of
from ingest.parsing.tables.row import Cell, SpannedRow, spread

ReadBlocks = Callable[[Element], Iterator[Block]]


@dataclass(frozen=True, slots=True)
class _Cell:
    blocks: Sequence[Block]
    columns: int = 1
    continues_above: bool = False
    is_bold: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    cells: Sequence[_Cell]
    is_header: bool


def read_table(table: Element, styles: Styles, read_blocks: ReadBlocks) -> Iterator[Block]:
    """Yield the table, and then the notes and comments that are marked in it.

    A table of one column frames its contents, and a single row with several paragraphs places them side by side.
    Their contents are not a table.
    """
    rows = list(_rows(table, styles, read_blocks))
    if _is_frame(rows):
        for row in rows:
            for cell in row.cells:
                yield from cell.blocks
        return
    asides: list[Block] = []
    spanned = []
    has_bold_start = styles.has_bold_first_row(table)
    for number, row in enumerate(rows):
        cells = []
        for cell in row.cells:
            own, marked = without_asides(cell.blocks)
            asides.extend(marked)
            text = text_of(own, between_rows="; ")
            cells.append(Cell(text=text, columns=cell.columns, continues_above=cell.continues_above))
        is_bold = (has_bold_start and number == 0) or all(cell.is_bold for cell in row.cells if cell.blocks)
        spanned.append(SpannedRow(cells=cells, is_header=row.is_header, is_bold=is_bold))
    yield Block(rows=list(spread(spanned)))
    yield from asides


def _is_frame(rows: Sequence[_Row]) -> bool:
    if all(len(row.cells) <= 1 for row in rows):
        return True
    return len(rows) == 1 and any(len(cell.blocks) > 1 for cell in rows[0].cells)


def _rows(table: Element, styles: Styles, read_blocks: ReadBlocks) -> Iterator[_Row]:
    for element in _inside(table, "tr"):
        look = element.find("trPr")
        if look is not None and (look.find("del") is not None or is_on(look.find("hidden"))):
            continue
        cells: list[_Cell] = []
        if (before := number_of(value_of(look, "gridBefore"))) > 0:
            cells.append(_Cell((), before))
        for cell in _inside(element, "tc"):
            _add_cell(cell, cells, styles, read_blocks)
        yield _Row(cells, is_header=look is not None and is_on(look.find("tblHeader")))


def _add_cell(element: Element, cells: list[_Cell], styles: Styles, read_blocks: ReadBlocks) -> None:
    look = element.find("tcPr")
    columns = max(1, number_of(value_of(look, "gridSpan"), 1))
    horizontal = child_of(look, "hMerge")
    if horizontal is not None and horizontal.get("val", "continue") == "continue" and cells:
        # The older form of a cell that spans columns.
        last = cells[-1]
        cells[-1] = _Cell(last.blocks, last.columns + columns, last.continues_above, last.is_bold)
        return
    vertical = child_of(look, "vMerge")
    continues = vertical is not None and vertical.get("val", "continue") == "continue"
    blocks = list(read_blocks(element))
    cells.append(_Cell(blocks, columns, continues and not blocks, _is_bold(element, styles)))


def _is_bold(cell: Element, styles: Styles) -> bool:
    has_text = False
    for paragraph in cell.iterfind("p"):
        look = styles.paragraph_style(paragraph.find("pPr")).look
        for run in paragraph.iter("r"):
            if (run.findtext("t") or "").strip():
                has_text = True
                if not styles.run_look(run.find("rPr"), look).is_bold:
                    return False
    return has_text


def _inside(parent: Element, tag: str) -> Iterator[Element]:
    """Yield the rows or cells of a table, which content controls and revisions can enclose."""
    for element in parent:
        if element.tag == tag:
            yield element
        elif element.tag in {"sdt", "sdtContent", "customXml", "ins", "moveTo"}:
            yield from _inside(element, tag)
