import pytest

from ingest.parsing.opendocument.parser import parse_opendocument
from rag.errors import InvalidInput
from rag.types import Place
from tests.support.formats.documents import section
from tests.support.formats.opendocument_writer import open_table, opendocument_of

_LISTS = (
    '<office:automatic-styles><text:list-style style:name="L">'
    '<text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
    '<text:list-level-style-number text:level="2" style:num-format="a" style:num-suffix=")"/></text:list-style>'
    '<text:list-style style:name="B"><text:list-level-style-bullet text:level="1" text:bullet-char="x"/>'
    "</text:list-style></office:automatic-styles>"
)


def text_of(body: str, **options: str) -> str:
    return "\n".join(part.text for part in parse_opendocument(opendocument_of(body, **options), "ODT").sections)


def item(text: str, more: str = "", attributes: str = "") -> str:
    return f"<text:list-item {attributes}><text:p>{text}</text:p>{more}</text:list-item>"


def test_headings_paragraphs_and_the_title():
    body = '<text:h text:outline-level="1">One</text:h>'
    body += '<text:p>A<text:s text:c="2"/>b<text:tab/>c<text:line-break/>d</text:p>'
    outline = parse_opendocument(opendocument_of(body, title="The title"), "ODT")

    assert outline.title == "The title"
    assert outline.sections == (section("A  b\tc\nd", "One"),)


def test_list_numbers_are_those_of_the_printed_page():
    seven = item("seven", attributes='text:start-value="7"')
    inner = f"<text:list>{item('inner')}{item('next')}</text:list>"
    body = (
        f'<text:list text:style-name="L">{item("one")}{item("two", inner)}</text:list><text:p>Between</text:p>'
        f'<text:list text:style-name="L" text:continue-numbering="true">{item("three")}</text:list>'
        f'<text:list text:style-name="L">{seven}'
        f'</text:list><text:list text:style-name="B">{item("dot")}</text:list>'
    )

    assert text_of(body, styles=_LISTS) == (
        "1. one\n2. two\n  a) inner\n  b) next\n\nBetween\n\n3. three\n\n7. seven\n\n- dot"
    )


def test_numbered_headings_show_their_numbers():
    styles = (
        '<office:styles><text:outline-style><text:outline-level-style text:level="1" style:num-format="1"/>'
        '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/></text:outline-style>'
        "</office:styles>"
    )
    headings = "".join(
        f'<text:h text:outline-level="{level}">{name}</text:h><text:p>text</text:p>'
        for level, name in [(1, "A"), (1, "B"), (2, "C"), (2, "D")]
    )
    outline = parse_opendocument(opendocument_of(headings, styles=styles), "ODT")

    assert [part.heading_path[-1] for part in outline.sections] == ["1 A", "2 B", "2.1 C", "2.2 D"]


def test_notes_comments_boxes_and_formulas_stand_at_their_paragraph():
    body = (
        '<text:p>Fee<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body>'
        "<text:p>Net.</text:p></text:note-body></text:note> due<office:annotation><dc:creator>Ann</dc:creator>"
        "<text:p>Check.</text:p></office:annotation> now<draw:frame><draw:text-box><text:p>In a box</text:p>"
        "</draw:text-box></draw:frame></text:p><text:p>"
        "<draw:frame><draw:object xlink:href='./Object 1'/></draw:frame></text:p>"
    )
    formula = "<math><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math>"
    outline = parse_opendocument(opendocument_of(body, parts={"Object 1/content.xml": formula}), "ODT")

    assert outline.sections[0].text.startswith(
        "Fee [footnote 1] due now\n\n[footnote 1] Net.\n\nComment by Ann: Check.\n\nIn a box\n\n"
    )
    assert outline.sections[0].text.endswith("c^2")
    assert outline.warnings == ()


def test_an_embedded_chart_is_reported():
    body = "<text:p>Text<draw:frame draw:name='Chart 1'><draw:object xlink:href='./Object 1'/></draw:frame></text:p>"
    [warning] = parse_opendocument(opendocument_of(body), "ODT").warnings

    assert (warning.code, warning.place) == ("dropped_object", "Chart 1")


def test_deleted_and_hidden_text_is_left_out_and_margins_are_read_once():
    styles = (
        "<office:master-styles><style:master-page><style:header><text:p>Revision 6</text:p></style:header>"
        "<style:footer><text:p>7</text:p></style:footer></style:master-page><style:master-page>"
        "<style:header><text:p>Revision 6</text:p></style:header></style:master-page></office:master-styles>"
    )
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>deleted</text:p></text:deletion>"
        '</text:changed-region></text:tracked-changes><text:p>Kept</text:p><text:section text:display="none">'
        "<text:p>hidden</text:p></text:section>"
    )

    assert text_of(body, styles=styles) == "Revision 6\n\nKept"


def test_a_sheet_has_its_displayed_values_with_rows_and_merged_cells():
    merged = '<table:table-cell table:number-rows-spanned="2"><text:p>Monday</text:p></table:table-cell>'
    price = (
        '<table:table-cell office:value-type="float" office:value="0.155"><text:p>15.5 %</text:p></table:table-cell>'
    )
    sheet = open_table(
        [["Day", "Name", "Rate"], [merged, "Ann", price], ["<table:covered-table-cell/>", "Bob", "01067"]], name="Plan"
    ).replace(
        "</table:table>",
        '<table:table-row table:number-rows-repeated="1048572">'
        '<table:table-cell table:number-columns-repeated="16384"/>'
        "</table:table-row></table:table>",
    )
    [plan] = parse_opendocument(opendocument_of(sheet, kind="spreadsheet"), "ODS").sections

    assert plan.heading_path == ("Plan",)
    assert plan.text == "Day: Monday | Name: Ann | Rate: 15.5 %\n\nDay: Monday | Name: Bob | Rate: 01067"
    assert plan.places == ((0, Place(sheet="Plan", rows=(2, 2))), (40, Place(sheet="Plan", rows=(3, 3))))


def test_slides_have_their_titles_boxes_and_notes():
    def frame(text: str, attributes: str = "") -> str:
        return f"<draw:frame {attributes}><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"

    body = (
        f"<draw:page>{frame('Body')}{frame('The title', 'presentation:class=' + chr(34) + 'title' + chr(34))}"
        f"<presentation:notes>{frame('Say hello')}</presentation:notes></draw:page>"
    )
    [slide] = parse_opendocument(opendocument_of(body, kind="presentation"), "ODP").sections

    assert slide.heading_path == ("slide 1: The title",)
    assert slide.text == "Body\n\nNotes: Say hello"
    assert slide.places == ((0, Place(slide=1)),)


def test_an_encrypted_file_is_rejected_with_the_reason():
    manifest = {"META-INF/manifest.xml": "<manifest><file-entry><encryption-data/></file-entry></manifest>"}
    with pytest.raises(InvalidInput, match="encrypted ODT: remove the password"):
        parse_opendocument(opendocument_of("<text:p>x</text:p>", parts=manifest), "ODT")


def test_hostile_repetitions_are_bounded():
    row = (
        '<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16384" '
        'table:number-rows-spanned="999999"><text:p>x</text:p></table:table-cell></table:table-row>'
    )
    outline = parse_opendocument(
        opendocument_of(f"<table:table table:name='S'>{row * 3}</table:table>", kind="spreadsheet"), "ODS"
    )

    assert {warning.code for warning in outline.warnings} >= {"cut_text"}


def test_entities_are_rejected():
    bomb = '<!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>'
    with pytest.raises(InvalidInput, match="document type"):
        parse_opendocument(opendocument_of("", parts={"settings.xml": bomb}), "ODT")
