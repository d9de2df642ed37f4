"""CSV: each row is understandable on its own."""

import pytest

from rag.errors import InvalidInput
from tests.support.formats.documents import parse_document


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


def test_each_row_has_the_line_where_it_begins_and_its_number():
    [only] = parse_document('sep=;\nName;Note\nAda;"one\ntwo"\nAlan;three\n', "text/csv").sections

    assert [(place.line, place.rows) for _, place in only.places] == [(3, (2, 2)), (5, (3, 3))]


def test_lines_above_the_header_do_not_hide_the_delimiter():
    body = "Export of 2026\nSource: office, city\n\nName;Sum\nAda;1,5\nAlan;2,5\nKurt;3,5\n"

    assert rows(body)[-3:] == ["Name: Ada | Sum: 1,5", "Name: Alan | Sum: 2,5", "Name: Kurt | Sum: 3,5"]


def test_blank_lines_separate_tables_with_labels_of_their_own():
    body = "Region,Sales\nNorth,100\nSouth,200\n\nEmployee,Salary\nAna,51000\nBen,47000\n"

    assert rows(body) == [
        "Region: North | Sales: 100",
        "Region: South | Sales: 200",
        "Employee: Ana | Salary: 51000",
        "Employee: Ben | Salary: 47000",
    ]


def test_a_table_goes_on_after_a_blank_line():
    body = "Region,Sales\nNorth,100\nSouth,200\n\nEast,300\nWest,400\n\nTotal,1000\n\nSource: the office\n"

    assert rows(body)[2:] == [
        "Region: East | Sales: 300",
        "Region: West | Sales: 400",
        "Region: Total | Sales: 1000",
        "Source: the office",
    ]


def test_rows_of_another_kind_after_a_blank_line_do_not_get_the_labels():
    body = "Region,Sales\nNorth,100\nSouth,200\n\nAna,engineer\nBen,pilot\n"

    assert rows(body)[2:] == ["A: Ana | B: engineer", "A: Ben | B: pilot"]


def test_a_blank_line_between_header_and_rows_does_not_end_the_table():
    assert rows("Prices\n\nItem,Price\n\nRope,12\nHook,7\n") == [
        "Prices",
        "Item: Rope | Price: 12",
        "Item: Hook | Price: 7",
    ]


def test_tables_side_by_side_have_labels_of_their_own():
    body = "Region,Sales,,Employee,Salary\nNorth,100,,Ana,51000\nSouth,200,,Ben,47000\n,,,Cleo,49000\n"

    assert rows(body) == [
        "Region: North | Sales: 100",
        "Region: South | Sales: 200",
        "Employee: Ana | Salary: 51000",
        "Employee: Ben | Salary: 47000",
        "Employee: Cleo | Salary: 49000",
    ]


def test_a_blank_column_within_a_table_separates_nothing():
    assert rows("Item,2023,,2024,2025\nRope,1,,2,3\nHook,4,,5,6\n")[0] == "Item: Rope | 2023: 1 | 2024: 2 | 2025: 3"


def test_leading_zeros_that_excel_protects_are_kept():
    assert rows('Name,Code\nAda,="00123"\nAlan,"=""00124"""\n') == [
        "Name: Ada | Code: 00123",
        "Name: Alan | Code: 00124",
    ]


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_below():
    body = 'Name,Note\nAda,"one\ntwo"\nAlan,"open\nKurt,ok\nEmmy,fine\n'

    assert rows(body) == [
        "Name: Ada | Note: one two",
        'Name: Alan | Note: "open',
        "Name: Kurt | Note: ok",
        "Name: Emmy | Note: fine",
    ]


def test_lines_of_prose_are_one_column():
    lines = ["Remarks", "The door is open", "It rains, and it is cold", "Nothing", "Yes, no, or both", "So be it"]

    assert rows("\n".join(lines)) == lines


def test_tabs_and_empty_rows_are_read():
    assert rows("Name\tSum\n\t\nAda\t1\n\t\nAlan\t2\n") == ["Name: Ada | Sum: 1", "Name: Alan | Sum: 2"]
