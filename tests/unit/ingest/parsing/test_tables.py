"""CSV and XLSX: each row is understandable on its own."""

import pytest

from rag.errors import InvalidInput
from tests.support.formats.documents import parse_document, section
from tests.support.formats.office_writer import xlsx_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def rows(body: str | bytes) -> list[str]:
    [only] = parse_document(body, "text/csv").sections
    return only.text.split("\n\n")


def test_each_row_names_its_columns():
    assert rows("Name,Born\nAda,1815\nAlan,1912\n") == ["Name: Ada | Born: 1815", "Name: Alan | Born: 1912"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected(delimiter):
    body = delimiter.join(["Name", "Sum"]) + "\n" + delimiter.join(["Ada", '"1.5"']) + "\n"

    assert rows(body) == ["Name: Ada | Sum: 1.5"]


def test_decimal_commas_do_not_make_columns():
    assert rows("Name;Sum\nAda;1,5\nAlan;2,5\n")[0] == "Name: Ada | Sum: 1,5"


def test_a_delimiter_declared_by_excel_is_used():
    assert rows("sep=;\na,b;c\n1,2;3\n") == ["a,b: 1,2 | c: 3"]


def test_quoted_values_can_contain_delimiters_and_line_breaks():
    assert rows('Name,Note\nAda,"one, two\nthree"\n') == ["Name: Ada | Note: one, two three"]


def test_utf_16_is_read_with_and_without_a_byte_order_mark():
    text = "Name;City\r\nJosé;Málaga\r\n"

    assert rows(text.encode("utf-16")) == rows(text.encode("utf-16-le")) == ["Name: José | City: Málaga"]


def test_rows_without_a_header_keep_their_values():
    assert rows("1,2\n3,4\n") == ["A: 1 | B: 2", "A: 3 | B: 4"]


def test_a_header_without_rows_is_kept():
    assert rows("Name,Born\n") == ["Name | Born"]


def test_title_rows_above_the_header_are_separate_blocks():
    assert rows("Report of 2026,,\n\nCity,2025,2026\nRome,1,2\n") == [
        "Report of 2026",
        "City: Rome | 2025: 1 | 2026: 2",
    ]


def test_empty_and_surplus_values_are_handled():
    assert rows("a,b,c\n1,,3\n4\n5,6,7,8\n") == ["a: 1 | c: 3", "a: 4", "a: 5 | b: 6 | c: 7 | D: 8"]


def test_a_long_row_has_one_value_per_line():
    [row] = rows("Name,Note\n" + "x" * 300 + "," + "y" * 300 + "\n")

    assert row.startswith(f"Name: {'x' * 300}\n")
    assert row.endswith(f"Note: {'y' * 300}")


def test_an_unclosed_quote_is_rejected():
    with pytest.raises(InvalidInput, match="line"):
        parse_document('a,b\n"' + "x,\n" * 500_000, "text/csv")


def test_each_sheet_is_a_section():
    body = xlsx_of({"Poets": [["Name", "Born"], ["Ada", 1815], ["Alan", 2.5]], "Empty": [], "Sizes": [["x"], ["y"]]})

    assert parse_document(body, XLSX).sections == (
        section("Name: Ada | Born: 1815\n\nName: Alan | Born: 2.5", "Poets"),
        section("x\n\ny", "Sizes"),
    )


def test_a_sheet_with_too_many_cells_is_rejected_before_it_is_loaded():
    far = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    far += '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    body = xlsx_of({"Far": []}, **{"xl/worksheets/sheet1.xml": far + "</sheetData></worksheet>"})

    with pytest.raises(InvalidInput, match="1,048,576 rows and 16,384 columns"):
        parse_document(body, XLSX)
