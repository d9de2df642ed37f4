"""The one way from table rows to text that all formats share."""

import pytest

from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.tables.row import Cell, Row, SpannedRow, column_letters, spread
from ingest.parsing.tables.table import add_table
from rag.types import Place


def outline(*lines: str, **options) -> Outline:
    builder = OutlineBuilder()
    rows = (Row(cells=tuple(line.split("|")), place=Place(line=number)) for number, line in enumerate(lines, 1))
    add_table(rows, builder, **options)
    return builder.build()


def blocks(*lines: str, **options) -> list[str]:
    [only] = outline(*lines, **options).sections
    return only.text.split("\n\n")


def spanned(*rows: list[Cell], **options) -> list[str]:
    builder = OutlineBuilder()
    add_table(spread(SpannedRow(cells=row) for row in rows), builder, **options)
    return builder.build().sections[0].text.split("\n\n")


@pytest.mark.parametrize(
    "lines",
    [
        ("Genus|Height", "Abies|40", "Pinus|35"),
        ("Genus|Habitat|Height|Width", "Abies|forest|40|3", "Pinus|coast|35|2"),
        ("name|city", "Ada|Rome"),
        ("Region|Q1 2024|Q2 2024", "North|10|20", "South|11|21"),
        ("Station|CO2|NO2|PM10", "Rome|1.5|2|3", "Oslo|1|2.5|4"),
        ("Region|Q1'24|FY 2024|KW 12", "North|10|20|30", "South|11|21|31"),
        ("key|value", "host|example.org", "port|8080"),
        ("Species|Habitat|Diet", "Fox|forest|mice", "Otter|river|fish"),
        ("first_name|lastName", "Ada|Lovelace"),
        ("Fruit|Colour|Taste", "Apple|red|sweet", "Lemon|yellow|sour", "Plum|blue|sweet"),
        ("Mitarbeiter|Abteilung", "Ida|Einkauf"),
        ("姓名|城市", "王伟|北京"),
        ("Contact|Who", "ada@example.org|Ada", "alan@example.org|Alan"),
        ("Kennung|Art", "AB-12|x", "AB-13|y"),
        ("Team|Lead", "Alpha|Ida", "Alpha|Jon", "Beta|Kim", "Beta|Lea"),
    ],
)
def test_a_header_with_evidence_labels_the_rows(lines):
    labels, first = lines[0].split("|"), lines[1].split("|")

    assert blocks(*lines)[0] == " | ".join(f"{label}: {value}" for label, value in zip(labels, first, strict=True))


@pytest.mark.parametrize(
    "lines",
    [
        ("Ana|Rome|teacher", "Ben|Oslo|pilot", "Cy|Bonn|nurse"),
        ("apple|a red fruit", "pear|a green fruit", "plum|a blue fruit"),
        ("Ana|34", "Ben|45", "Cy|12"),
        ("Ana|n/a", "Ben|45", "Cy|12"),
        ("Ana||", "Ben|45|x", "Cy|12|y"),
        ("1|2", "3|4"),
        ("iPhone|Apple", "Galaxy|Samsung", "Pixel|Google"),
        ("2019|2020", "2021|2018"),
        ("ada@example.org|Ada", "alan@example.org|Alan"),
        ("Rome|closed|" + "a long remark " * 10, "Oslo|open|x", "Bonn|open|y"),
        ("Rome|EUR 1,200.00", "Oslo|EUR 200.00"),
        ("Ana|1 March 2025", "Ben|2 March 2025"),
        ("12 kg|Rome", "13 kg|Oslo"),
        ("CO2|gas", "NO2|gas", "PM10|dust"),
        ("ERR-101|Door open", "ERR-102|No water"),
        ("unknown|Oslo|pending", "4711|Rome|12", "4712|Bonn|13"),
        ("Ana|Rome|pending", "Ben|Oslo|12", "Cy|Bonn|13"),
        ("Monday|Soup|Bread", "Tuesday|Fish|Rice", "Friday|Pasta|Salad"),
    ],
)
def test_data_never_becomes_a_header(lines):
    values = lines[0].split("|")

    assert blocks(*lines)[0] == " | ".join(
        f"{column_letters(index)}: {value.strip()}" for index, value in enumerate(values) if value
    )
    assert len(blocks(*lines)) == len(lines)


def test_an_uncertain_header_is_used_with_a_warning():
    [warning] = outline("Genus|Habitat", "Abies|1,200", "Pinus|35").warnings

    assert (warning.code, warning.place, warning.loses_text) == ("guessed_header", "line 1", False)
    assert outline("Name|Price", "Rope|12").warnings == ()


def test_years_are_names_only_in_a_series_above_other_numbers():
    assert blocks("City|2024|2025", "Rome|1|2") == ["City: Rome | 2024: 1 | 2025: 2"]
    assert blocks("Person|1999|2003", "Ada|2001|1990", "Alan|1985|2011")[0] == "A: Person | B: 1999 | C: 2003"


def test_a_row_of_units_belongs_to_the_header():
    assert blocks("Name|Height|Weight", "|cm|kg", "Ada|180|75", "Alan|175|68")[0] == (
        "Name: Ada | Height / cm: 180 | Weight / kg: 75"
    )


def test_dates_are_names_above_numbers():
    assert blocks("Item|2025-01-01|2025-02-01", "Rope|10|20", "Hook|11|21")[0] == (
        "Item: Rope | 2025-01-01: 10 | 2025-02-01: 20"
    )
    assert blocks("Ana|2025-01-01", "Ben|2025-02-01")[0] == "A: Ana | B: 2025-01-01"


def test_a_further_header_among_the_rows_begins_a_table():
    lines = ("Region|Sales", "North|100", "South|200", "Employee|Salary", "Ana|51000", "Ben|47000")

    assert blocks(*lines)[1:] == [
        "Region: South | Sales: 200",
        "Employee: Ana | Salary: 51000",
        "Employee: Ben | Salary: 47000",
    ]


def test_words_in_a_column_of_numbers_are_not_a_header():
    assert blocks("City|People", "Rome|2,800", "Oslo|closed", "Bonn|330")[1] == "City: Oslo | People: closed"


def test_a_note_above_the_header_is_not_a_level_of_it():
    assert blocks("Report|March", "City|People|Area", "Rome|2,800|1,285", "Oslo|700|454")[:2] == [
        "Report | March",
        "City: Rome | People: 2,800 | Area: 1,285",
    ]


def test_questions_of_a_survey_are_names():
    question = "How satisfied are you with the service of our team during the last year, all things considered? " * 2
    lines = blocks(f"Timestamp|{question}", "2025-03-01 10:05:00|very", "2025-03-02 11:05:00|not at all")

    assert lines[0] == f"Timestamp | {question.strip()}"
    assert lines[1].startswith("Timestamp: 2025-03-01 10:05:00 | How satisfied")


def test_equal_names_are_numbered():
    assert blocks("city|note|note|note", "Riga|wet|cold|dark") == [
        "city: Riga | note: wet | note (2): cold | note (3): dark"
    ]


def test_columns_without_a_name_have_their_letter_and_the_corner_has_none():
    assert blocks("|2024|2025", "Rome|1|2|new") == ["Rome | 2024: 1 | 2025: 2 | D: new"]


def test_a_header_of_two_levels_names_both():
    assert blocks("|2024||2025|", "Region|Q1|Q2|Q1|Q2", "North|1|2|3|4", "South|5|6|7|8")[0] == (
        "Region: North | 2024 / Q1: 1 | 2024 / Q2: 2 | 2025 / Q1: 3 | 2025 / Q2: 4"
    )


def test_merged_cells_of_a_header_of_two_levels_name_all_their_columns():
    upper = [Cell(text="Region", rows=2), Cell(text="Men", columns=2), Cell(text="Women", columns=2)]
    lower = [Cell(text=name) for name in ("Young", "Old", "Young", "Old")]
    data = [Cell(text=value) for value in ("North", "1", "2", "3", "4")]

    for options in ({}, {"header_rows": 2}):
        assert spanned(upper, lower, data, data[::-1], **options)[0] == (
            "Region: North | Men / Young: 1 | Men / Old: 2 | Women / Young: 3 | Women / Old: 4"
        )


def test_a_merged_value_belongs_to_each_row_and_column_that_it_spans():
    header = [Cell(text=name) for name in ("Team", "Day", "Early", "Late")]
    first = [Cell(text="Alpha", rows=2), Cell(text="Mon"), Cell(text="Ida", columns=2)]
    second = [Cell(text="Tue"), Cell(text="Jon"), Cell(text="Kim")]

    assert spanned(header, first, second, header_rows=1) == [
        "Team: Alpha | Day: Mon | Early: Ida | Late: Ida",
        "Team: Alpha | Day: Tue | Early: Jon | Late: Kim",
    ]


def test_a_cell_that_continues_the_one_above_has_its_value():
    header = [Cell(text="Team"), Cell(text="Day")]
    rows = [[Cell(text="Alpha"), Cell(text="Mon")], [Cell(text="", continues_above=True), Cell(text="Tue")]]

    assert spanned(header, *rows, header_rows=1)[1] == "Team: Alpha | Day: Tue"


def test_a_title_across_the_table_is_said_once():
    title, names = [Cell(text="Prices 2026", columns=2)], [Cell(text="Item"), Cell(text="Price")]
    group, row = [Cell(text="Climbing", columns=2)], [Cell(text="Rope"), Cell(text="12")]

    assert spanned(title, names, group, row) == ["Prices 2026", "Climbing", "Item: Rope | Price: 12"]


def test_hostile_spans_are_bounded():
    rows = [SpannedRow(cells=[Cell(text="x", columns=10**9, rows=10**9)] * 3)] * 3

    assert max(len(row.cells) for row in spread(rows)) < 1_100


def test_ragged_rows_keep_their_values():
    assert blocks("Name|Age", "Ada|36|extra|more", "Alan") == ["Name: Ada | Age: 36 | C: extra | D: more", "Name: Alan"]


def test_each_line_of_a_wide_row_names_the_row():
    labels = ["Station", *(f"Measure number {number} in micrograms" for number in range(1, 61))]
    lisbon = ["Lisbon", *(str(number * 7) for number in range(1, 61))]
    porto = ["Porto", *(str(number * 9) for number in range(1, 61))]

    lines = blocks("|".join(labels), "|".join(lisbon), "|".join(porto))[0].split("\n")

    assert lines[0] == "Station: Lisbon"
    assert lines[35] == "Lisbon \u2013 Measure number 35 in micrograms: 245"


def test_as_many_columns_name_a_row_as_tell_the_rows_apart():
    text = "long words " * 40
    row = blocks("Team|Day|Report", f"Alpha|Mon|{text}", f"Alpha|Tue|{text}")[1]

    assert row.split("\n") == ["Team: Alpha | Day: Tue", f"Alpha, Tue \u2013 Report: {text.strip()}"]


def test_each_part_of_a_long_value_has_its_label_and_no_word_is_lost():
    text = "Nothing of this may be lost. " * 100
    lines = blocks("Name|Report", f"Ada|{text}", "Alan|short")[0].split("\n")

    assert all(line.startswith("Ada \u2013 Report: Nothing") for line in lines[1:])
    assert " ".join(line.removeprefix("Ada \u2013 Report: ") for line in lines[1:]) == text.strip()


def test_a_table_of_keys_and_values_needs_no_letters():
    assert blocks("Name|Rope", "Colour|red", "Price|12") == ["Name: Rope", "Colour: red", "Price: 12"]
    assert blocks("Net|32.50", "VAT 19%|6.18", "Total|38.68")[1] == "VAT 19%: 6.18"
    assert blocks("Kette:|rot", "Seil:|blau") == ["Kette: rot", "Seil: blau"]
    assert blocks("Size|12|13", "Load|3|4", header_rows=0, has_row_header=True) == ["Size: 12 | 13", "Load: 3 | 4"]


def test_a_form_names_its_values_by_colons():
    assert blocks("Name:|Ada|Date:|1 May", "Place:|Rome|Fee:|12", "Signed:||Yes") == [
        "Name: Ada | Date: 1 May",
        "Place: Rome | Fee: 12",
        "Signed: Yes",
    ]


def test_a_declared_header_needs_no_evidence():
    assert blocks("Ana|Rome", "Ben|Oslo", header_rows=1) == ["Ana: Ben | Rome: Oslo"]
    assert blocks("Name|Price", "Rope|12", header_rows=0)[0] == "A: Name | B: Price"
    assert blocks("Only", "one", header_rows=1) == ["Only: one"]


def test_a_header_without_rows_and_a_paragraph_as_header_keep_their_text():
    paragraph = "words of a header that is long " * 10

    assert blocks("Name|Born", header_rows=1) == ["Name | Born"]
    first, second = blocks(f"Name|{paragraph}", "Ada|1815", header_rows=1)
    assert first == f"Name | {paragraph.strip()}"
    assert len(second) < 200


def test_a_header_that_recurs_on_each_page_is_not_data():
    assert blocks("Name|Born", "Ada|1815", "Name|Born", "Alan|1912") == [
        "Name: Ada | Born: 1815",
        "Name: Alan | Born: 1912",
    ]


def test_the_name_of_a_column_without_values_is_kept():
    assert blocks("Name|Price|Country codes", "Rope|12|", "Hook|7|")[-1] == "Columns without values: Country codes"


def test_each_part_of_a_long_value_has_its_key():
    text = "Nothing of this may be lost. " * 60
    lines = blocks("Name|Rope", "Price|12", f"Description|{text}")[2].split("\n")

    assert len(lines) > 1
    assert all(line.startswith("Description: Nothing") for line in lines)


def test_notes_below_the_table_have_no_label():
    assert blocks("City|People", "Rome|2,800,000", "* without suburbs")[1] == "* without suburbs"


def test_bold_is_evidence_of_a_header():
    builder = OutlineBuilder()
    cells = [("Size", "36", "38"), ("Rope", "5", "7"), ("Hook", "2", "1")]
    add_table((Row(cells=row, is_bold=number == 0) for number, row in enumerate(cells)), builder)

    assert builder.build().sections[0].text.split("\n\n")[0] == "Size: Rope | 36: 5 | 38: 7"


def test_each_row_has_its_place():
    [only] = outline("Name|Born", "Ada|1815", "", "Alan|1912").sections

    assert [place.line for _, place in only.places] == [2, 4]
