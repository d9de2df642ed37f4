"""XLSX: every value as the sheet shows it, with its labels and its place."""

import time
from html import escape

import pytest

from rag.errors import InvalidInput
from rag.types import Document
from tests.support.formats.documents import parse_document
from tests.support.formats.office_writer import xlsx_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

BOLD = (
    f'<styleSheet {MAIN}><fonts><font/><font><b/></font></fonts><cellXfs><xf/><xf fontId="1"/></cellXfs></styleSheet>'
)
"""Styles of which number 1 is bold."""


def workbook(rows: str, *, before: str = "", after: str = "", **parts: str) -> Document:
    """Return the parsed file of one sheet, whose rows are XML."""
    sheet = f"<worksheet {MAIN}>{before}<sheetData>{rows}</sheetData>{after}</worksheet>"
    return parse_document(xlsx_of({"Sheet": []}, **{"xl/worksheets/sheet1.xml": sheet}, **parts), XLSX)


def row(number: int, *cells: str) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def text(reference: str, value: str, style: int = 0) -> str:
    return f'<c r="{reference}" s="{style}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def number(reference: str, value: float, style: int = 0) -> str:
    return f'<c r="{reference}" s="{style}"><v>{value}</v></c>'


def table(*lines: str) -> str:
    return "".join(
        row(
            index,
            *(text(f"{'ABCDEFGH'[column]}{index}", value) for column, value in enumerate(line.split("|")) if value),
        )
        for index, line in enumerate(lines, 1)
    )


def relations(**targets: str) -> str:
    listed = "".join(
        f'<Relationship Id="{kind}" Type="{OFFICE}/{kind}" Target="{target}"/>' for kind, target in targets.items()
    )
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{listed}</Relationships>'
    )


def blocks(document: Document) -> list[str]:
    [only] = document.sections
    return only.text.split("\n\n")


def test_each_sheet_is_a_section_and_each_row_has_its_place():
    body = xlsx_of({"Poets": [["Name", "Born"], ["Ada", 1815], ["Alan", 2.5]], "Empty": [], "Sizes": [["x"], ["y"]]})
    poets, sizes = parse_document(body, XLSX).sections

    assert (poets.heading_path, poets.text) == (("Poets",), "Name: Ada | Born: 1815\n\nName: Alan | Born: 2.5")
    assert (sizes.heading_path, sizes.text) == (("Sizes",), "x\n\ny")
    assert [(place.sheet, place.rows) for _, place in poets.places] == [("Poets", (2, 2)), ("Poets", (3, 3))]


def test_values_have_the_formats_of_their_cells():
    codes = ["00000", "0.0%", '"EUR" #,##0.00', "[h]:mm", "dd.mm.yyyy", '"PO-"00000']
    formats = "".join(f'<numFmt numFmtId="{164 + at}" formatCode="{escape(code)}"/>' for at, code in enumerate(codes))
    styles = "".join(f'<xf numFmtId="{number}"/>' for number in [0, *range(164, 170), 12])
    document = workbook(
        row(
            1,
            *(number(f"A{1}", 1067, 1), number("B1", 0.155, 2), number("C1", 1234.5, 3), number("D1", 1.104166667, 4)),
        )
        + row(2, number("A2", 45717, 5), number("B2", 4711, 6), number("C2", 0.5, 7), number("D2", 1067)),
        **{"xl/styles.xml": f"<styleSheet {MAIN}><numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>"},
    )

    assert blocks(document) == [
        "A: 01067 | B: 15.5% | C: EUR 1,234.50 | D: 26:30",
        "A: 01.03.2025 | B: PO-04711 | C: 1/2 | D: 1067",
    ]


def test_truth_values_errors_and_shared_strings_are_read():
    strings = f"<sst {MAIN}><si><r><t>Al</t></r><r><t>an</t></r><rPh><t>no</t></rPh></si></sst>"
    cells = '<c t="s"><v>0</v></c><c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c><c t="str"><f>A1</f><v>shown</v></c>'

    assert blocks(workbook(row(1, cells), **{"xl/sharedStrings.xml": strings})) == ["Alan | TRUE | #N/A | shown"]


def test_formulas_without_a_value_are_told_with_their_cells():
    cells = row(1, text("A1", "Sum"), '<c r="B1"><f>1+1</f></c>', '<c r="C1"><f>1+2</f><v></v></c>')
    cells += row(2, text("A2", "Ready"), '<c r="B2"><f>1+1</f><v>2</v></c>', '<c r="C2" t="str"><f>""</f><v></v></c>')
    [warning] = workbook(cells).warnings

    assert (warning.code, warning.count, warning.place) == ("formula_without_value", 2, "sheet Sheet, B1, C1")


def test_a_merged_value_belongs_to_each_cell_that_it_spans():
    merged = '<mergeCells><mergeCell ref="A2:A4"/><mergeCell ref="C2:D2"/></mergeCells>'
    document = workbook(table("Team|Day|Early|Late", "Alpha|Mon|Ida", "|Tue|Jon|Kim", "|Wed|Lea|Max"), after=merged)

    assert blocks(document) == [
        "Team: Alpha | Day: Mon | Early: Ida | Late: Ida",
        "Team: Alpha | Day: Tue | Early: Jon | Late: Kim",
        "Team: Alpha | Day: Wed | Early: Lea | Late: Max",
    ]


def test_a_title_over_merged_cells_is_said_once():
    merged = '<mergeCells><mergeCell ref="A1:B1"/></mergeCells>'

    assert blocks(workbook(table("Prices of the year", "Item|Price", "Rope|twelve"), after=merged)) == [
        "Prices of the year",
        "Item: Rope | Price: twelve",
    ]


def test_a_table_or_a_filter_declares_its_header():
    lines = table("Genus|Habitat", "Abies|Forest", "Pinus|Coast")
    declared = {
        "xl/worksheets/_rels/sheet1.xml.rels": relations(table="../tables/table1.xml"),
        "xl/tables/table1.xml": f'<table {MAIN} ref="A1:B3"/>',
    }

    expected = ["Genus: Abies | Habitat: Forest", "Genus: Pinus | Habitat: Coast"]
    assert blocks(workbook(lines, **declared)) == expected
    assert blocks(workbook(lines, after='<autoFilter ref="A1:B3"/>')) == expected
    assert blocks(workbook(lines))[0] == "A: Genus | B: Habitat"


def test_a_bold_or_frozen_row_is_a_header():
    bold = row(1, text("A1", "Genus", 1), text("B1", "Habitat", 1)) + row(2, text("A2", "Abies"), text("B2", "Forest"))
    pane = '<sheetViews><sheetView><pane ySplit="1" state="frozen"/></sheetView></sheetViews>'

    expected = ["Genus: Abies | Habitat: Forest"]
    assert blocks(workbook(bold, **{"xl/styles.xml": BOLD})) == expected
    assert blocks(workbook(table("Genus|Habitat", "Abies|Forest"), before=pane)) == expected


def test_a_bold_header_within_a_block_begins_a_table():
    rows = [("Region", "Sales", 1), ("North", "100", 0), ("Total", "100", 1), ("Employee", "Car", 1), ("Ana", "red", 0)]
    cells = "".join(
        row(at, text(f"A{at}", first, style), text(f"B{at}", second, style))
        for at, (first, second, style) in enumerate(rows, 1)
    )

    assert blocks(workbook(cells, **{"xl/styles.xml": BOLD})) == [
        "Region: North | Sales: 100",
        "Region: Total | Sales: 100",
        "Employee: Ana | Car: red",
    ]


def test_hidden_rows_columns_and_sheets_are_read():
    rows = row(1, text("A1", "seen")) + f'<row r="2" hidden="1">{text("A2", "hidden")}</row>'
    document = workbook(rows, before='<cols><col min="1" max="1" hidden="1"/></cols>')

    assert blocks(document) == ["seen", "hidden"]


def test_comments_are_marked_and_follow_the_rows():
    comments = f'<comments {MAIN}><commentList><comment ref="B2"><text><r><t>checked by Ida</t></r></text></comment>'
    document = workbook(
        table("Item|Price", "Rope|12"),
        **{
            "xl/worksheets/_rels/sheet1.xml.rels": relations(comments="../comments1.xml"),
            "xl/comments1.xml": comments + "</commentList></comments>",
        },
    )

    assert blocks(document)[-1] == "Comment on cell B2 (12): checked by Ida"


def test_text_boxes_and_charts_are_read_and_embedded_files_are_reported():
    drawing = '<d xmlns:a="x"><a:p><a:r><a:t>Note in </a:t></a:r><a:r><a:t>a box</a:t></a:r></a:p></d>'
    chart = '<c xmlns:a="x"><a:p><a:r><a:t>Growth of sales</a:t></a:r></a:p></c>'
    document = workbook(
        table("Item|Price", "Rope|12"),
        **{
            "xl/worksheets/_rels/sheet1.xml.rels": relations(drawing="../drawings/drawing1.xml"),
            "xl/drawings/drawing1.xml": drawing,
            "xl/drawings/_rels/drawing1.xml.rels": relations(chart="../charts/chart1.xml"),
            "xl/charts/chart1.xml": chart,
            "xl/embeddings/object1.bin": "binary",
        },
    )

    assert blocks(document)[-2:] == ["Note in a box", "Chart: Growth of sales"]
    assert [(warning.code, warning.count) for warning in document.warnings] == [("dropped_object", 1)]


def test_the_notice_in_place_of_a_new_kind_of_chart_is_not_read():
    box = "<a:p><a:r><a:t>First line</a:t></a:r><a:br/><a:r><a:t>second line</a:t></a:r></a:p>"
    notice = "<a:p><a:r><a:t>This chart is not available in your version.</a:t></a:r></a:p>"
    choices = f"<m:AlternateContent><m:Choice/><m:Fallback>{notice}</m:Fallback></m:AlternateContent>"
    document = workbook(
        table("Item|Price", "Rope|12"),
        **{
            "xl/worksheets/_rels/sheet1.xml.rels": relations(drawing="../drawings/drawing1.xml"),
            "xl/drawings/drawing1.xml": f'<d xmlns:a="x" xmlns:m="m">{box}{choices}</d>',
        },
    )

    assert blocks(document)[-1] == "First line\nsecond line"


def test_headers_and_footers_of_printed_pages_are_marked():
    printed = (
        "<oddHeader>&amp;LRevision 6&amp;K00FF00&amp;RR&amp;&amp;D &amp;P</oddHeader><oddFooter>&amp;P</oddFooter>"
    )
    document = workbook(table("Item|Price", "Rope|12"), after=f"<headerFooter>{printed}</headerFooter>")

    assert blocks(document)[-1].split() == ["Header:", "Revision", "6", "R&D"]


def test_a_value_in_the_far_corner_costs_nothing():
    document = workbook(row(1, number("A1", 1)) + row(1_048_576, number("XFD1048576", 2)))

    assert blocks(document) == ["A: 1", "XFD: 2"]


@pytest.mark.no_cover
def test_rows_that_are_far_longer_than_their_values_are_rejected():
    with pytest.raises(InvalidInput, match="split the sheet"):
        workbook("".join(row(at, number(f"XFD{at}", 1)) for at in range(1, 400)))


@pytest.mark.no_cover
def test_a_merged_cell_over_the_whole_sheet_is_bounded():
    rows = "".join(row(at, text(f"A{at}", "x")) for at in range(1, 3_000))
    began = time.process_time()

    assert workbook(rows, after='<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>').sections
    assert time.process_time() - began < 60


@pytest.mark.parametrize("cell", ['<c r="????1"><v>1</v></c>', '<c r="ZZZZ1"><v>1</v></c>', '<c s="x"><v>1</v></c>'])
def test_a_damaged_cell_is_reported(cell):
    with pytest.raises(InvalidInput, match="damaged XLSX"):
        workbook(row(1, cell))
