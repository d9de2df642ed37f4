import sys

import pytest

from rag.errors import InvalidInput
from tests.support.formats.documents import parse_document, section
from tests.support.formats.office_writer import (
    docx_of,
    field,
    merged_cell,
    paragraph,
    relations_of,
    run,
    word_part,
    word_table,
)

_FIRST = '<w:vMerge w:val="restart"/>'
_BELOW = "<w:vMerge/>"
_HIDDEN_STYLE = 'rStyle w:val="X"'
_TWO_COLUMNS = '<w:gridSpan w:val="2"/>'
_ABOVE_LINE = 'vertAlign w:val="superscript"'
_BELOW_LINE = 'vertAlign w:val="subscript"'

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def text_of(body: str, **more: str) -> str:
    """Return the text of all sections of a document with this body."""
    return "\n\n".join(part.text for part in parse_document(docx_of(body, **more), DOCX).sections)


def test_headings_are_below_the_title():
    body = paragraph("Handbook", style="Title") + paragraph("Parking", style="heading1")
    document = parse_document(docx_of(body + paragraph("Behind the house.")), DOCX)

    assert document.title == "Handbook"
    assert document.sections == (section("Behind the house.", "Handbook", "Parking"),)


def test_without_a_title_the_first_heading_is_the_title():
    document = parse_document(docx_of(paragraph("Parking", style="heading1") + paragraph("Behind the house.")), DOCX)

    assert (document.title, document.sections) == ("Parking", (section("Behind the house.", "Parking"),))


def test_lists_and_tables_keep_their_order():
    table = word_table([["City", "Size"], ["Rome", "2"]], header_rows=1)
    body = paragraph("one", is_item=True) + paragraph("two", is_item=True) + table + paragraph("End.")

    assert text_of(body) == "- one\n- two\n\nCity: Rome | Size: 2\n\nEnd."


def test_paragraphs_in_a_cell_do_not_break_its_row():
    table = word_table([["City", "Size"], ["Rome", "2"]], header_rows=1).replace(
        paragraph("Rome"), paragraph("Rome") + paragraph("and Ostia")
    )

    assert text_of(table) == "City: Rome and Ostia | Size: 2"


def test_text_boxes_and_content_controls_are_read():
    box = f"<w:p><w:r><w:pict><w:txbxContent>{paragraph('In a box.')}</w:txbxContent></w:pict></w:r></w:p>"
    control = f"<w:sdt><w:sdtContent>{paragraph('In a control.')}</w:sdtContent></w:sdt>"

    assert text_of(box + control) == "In a box.\n\nIn a control."


def test_a_text_box_and_its_fallback_are_read_once():
    box = f"<w:txbxContent>{paragraph('Once.')}</w:txbxContent>"
    choices = f"<mc:Choice><w:drawing>{box}</w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"

    assert (
        text_of(f'<w:p><w:r><mc:AlternateContent xmlns:mc="mc">{choices}</mc:AlternateContent></w:r></w:p>') == "Once."
    )


def test_macros_are_ignored():
    assert text_of(paragraph("Text."), **{"word/vbaProject.bin": "Sub Evil()"}) == "Text."


def test_strict_documents_are_read():
    strict = word_part("document", f"<w:body>{paragraph('Strict.')}</w:body>").replace(
        "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "http://purl.oclc.org/ooxml/wordprocessingml/main",
    )

    assert text_of("", **{"word/document.xml": strict}) == "Strict."


# Headings and styles


def styled(styles: str, body: str) -> bytes:
    return docx_of(body, **{"word/styles.xml": word_part("styles", styles)})


@pytest.mark.parametrize(
    "style",
    [
        '<w:style w:type="paragraph" w:styleId="X"><w:name w:val="Clause"/><w:basedOn w:val="H"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="H"><w:name w:val="heading 1"/></w:style>',
        '<w:style w:styleId="X"><w:name w:val="C"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>',
        '<w:style w:type="paragraph" w:styleId="X"><w:name w:val="Überschrift 1"/></w:style>',
        '<w:style w:type="paragraph" w:styleId="X"><w:name w:val="标题 1"/></w:style>',
    ],
)
def test_styles_that_derive_from_headings_are_headings(style):
    document = parse_document(styled(style, paragraph("Liability", style="X") + paragraph("Up to 8000.")), DOCX)

    assert document.sections == (section("Up to 8000.", "Liability"),)


def test_a_paragraph_with_its_own_outline_level_is_a_heading():
    heading = '<w:p><w:pPr><w:outlineLvl w:val="1"/></w:pPr><w:r><w:t>Insurance</w:t></w:r></w:p>'

    assert parse_document(docx_of(heading + paragraph("Two years.")), DOCX).sections == (
        section("Two years.", "Insurance"),
    )


def test_a_style_can_take_the_outline_level_away():
    style = (
        '<w:style w:type="paragraph" w:styleId="H"><w:name w:val="heading 1"/></w:style><w:style w:styleId="X">'
        '<w:name w:val="TOC Heading"/><w:basedOn w:val="H"/><w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>'
    )

    assert parse_document(styled(style, paragraph("Contents", style="X")), DOCX).sections == (section("Contents"),)


def test_styles_in_a_circle_and_without_a_type_do_no_harm():
    circle = (
        '<w:style w:styleId="A"><w:basedOn w:val="B"/></w:style><w:style w:styleId="B"><w:basedOn w:val="A"/></w:style>'
    )

    assert parse_document(styled(circle, paragraph("Read.", style="A")), DOCX).sections == (section("Read."),)


# Numbers


def numbered(text: str, number_id: int = 1, level: int = 0, style: str = "") -> str:
    name = f'<w:pStyle w:val="{style}"/>' if style else ""
    number = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number_id}"/></w:numPr>'
    return f"<w:p><w:pPr>{name}{number}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def level(index: int, text: str, kind: str = "decimal", start: int = 1, more: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{index}"><w:start w:val="{start}"/><w:numFmt w:val="{kind}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def numbering(levels: str, nums: str = '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>') -> dict[str, str]:
    abstract = f'<w:abstractNum w:abstractNumId="0">{levels}</w:abstractNum>'
    return {"word/numbering.xml": word_part("numbering", abstract + nums)}


def lines(body: str, parts: dict[str, str]) -> list[str]:
    return [line.strip() for line in text_of(body, **parts).split("\n") if line.strip()]


def test_headings_have_their_numbers():
    parts = numbering(level(0, "%1.") + level(1, "%1.%2"))
    body = "".join(
        [
            numbered("Definitions", style="heading1"),
            paragraph("A day is a day."),
            numbered("Payment", style="heading1"),
            numbered("Due date", level=1, style="heading2"),
            paragraph("Within 21 days."),
            numbered("Interest", level=1, style="heading2"),
            paragraph("Five percent."),
        ]
    )

    assert [part.heading_path for part in parse_document(docx_of(body, **parts), DOCX).sections] == [
        ("1. Definitions",),
        ("2. Payment", "2.1 Due date"),
        ("2. Payment", "2.2 Interest"),
    ]


def test_numbers_go_on_after_a_paragraph_between():
    body = numbered("Open.") + paragraph("If it stays red, call.") + numbered("Press.")

    assert lines(body, numbering(level(0, "Step %1:"))) == ["Step 1: Open.", "If it stays red, call.", "Step 2: Press."]


@pytest.mark.parametrize(
    ("kind", "start", "expected"),
    [
        ("lowerLetter", 26, ["z)", "aa)"]),
        ("upperRoman", 3, ["III)", "IV)"]),
        ("decimalZero", 9, ["09)", "10)"]),
        ("ordinal", 1, ["1st)", "2nd)"]),
        ("ordinalText", 20, ["Twentieth)", "Twenty-first)"]),
        ("chineseCounting", 9, ["九)", "十)"]),
        ("russianLower", 1, ["а)", "б)"]),  # noqa: RUF001
        ("unknownFormat", 5, ["5)", "6)"]),
    ],
)
def test_numbers_have_the_format_of_their_level(kind, start, expected):
    found = lines(numbered("x") + numbered("x"), numbering(level(0, "%1)", kind, start)))

    assert found == [f"{number} x" for number in expected]


def test_deeper_levels_restart_below_each_item_unless_they_never_restart():
    items = numbered("a") + numbered("b", level=1) + numbered("c") + numbered("d", level=1)

    assert lines(items, numbering(level(0, "%1") + level(1, "%1.%2"))) == ["1 a", "1.1 b", "2 c", "2.1 d"]
    never = level(0, "%1") + level(1, "%2", more='<w:lvlRestart w:val="0"/>')
    assert lines(items, numbering(never)) == ["1 a", "1 b", "2 c", "2 d"]


def test_a_list_can_override_its_start_and_lists_of_one_definition_go_on():
    nums = "".join(
        f'<w:num w:numId="{number}"><w:abstractNumId w:val="0"/>{override}</w:num>'
        for number, override in [
            (1, ""),
            (2, ""),
            (3, '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>'),
        ]
    )
    body = numbered("a") + numbered("b", 2) + numbered("c", 3) + numbered("d", 3)

    assert lines(body, numbering(level(0, "%1."), nums)) == ["1. a", "2. b", "7. c", "8. d"]


def test_legal_numbers_are_decimal():
    levels = level(0, "Article %1", "upperRoman") + level(1, "%1.%2", more="<w:isLgl/>")

    assert lines(numbered("a") + numbered("b", level=1), numbering(levels)) == ["Article I a", "1.1 b"]


def test_a_style_brings_its_number_and_number_zero_takes_it_away():
    parts = numbering(level(0, "§ %1", more='<w:pStyle w:val="Clause"/>'))
    parts["word/styles.xml"] = word_part(
        "styles", '<w:style w:styleId="Clause"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    )
    body = (
        paragraph("Rent", style="Clause") + numbered("Not numbered", 0, style="Clause") + paragraph("x", style="Clause")
    )

    assert lines(body, parts) == ["§ 1 Rent", "Not numbered", "§ 2 x"]


def test_bullets_are_dashes_and_nested_items_are_indented():
    parts = numbering(level(0, "\uf0b7", "bullet") + level(1, "o", "bullet"))

    assert text_of(numbered("Fruit") + numbered("Apples", level=1), **parts) == "- Fruit\n  - Apples"


# Fields, links and characters


def test_the_results_of_fields_stand_in_their_sentence():
    simple = '<w:fldSimple w:instr=" DATE "><w:r><w:t>14 March</w:t></w:r></w:fldSimple>'
    nested = field(f" IF {field(' MERGEFIELD Sex ', run('f'))} = f ", run("Ms Okafor"))

    assert text_of(f"<w:p>{run('On ')}{simple}{run(' for ')}{nested}{run('.')}</w:p>") == "On 14 March for Ms Okafor."


def test_a_field_without_an_end_hides_nothing():
    begin = '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'

    assert text_of(f"<w:p>{begin}{run('Shown')}</w:p>" + paragraph("Shown too.")) == "Shown\n\nShown too."


def test_a_table_of_contents_is_one_block():
    begin, rest = field(' TOC \\o "1-3" ', "").split('<w:r><w:fldChar w:fldCharType="end"/></w:r>')
    end = '<w:r><w:fldChar w:fldCharType="end"/></w:r>' + rest
    body = f'<w:p><w:pPr><w:pStyle w:val="TOC1"/></w:pPr>{begin}{run("Rent")}<w:r><w:tab/></w:r>{run("3")}</w:p>'
    body += f'<w:p><w:pPr><w:pStyle w:val="TOC1"/></w:pPr>{run("Heat")}<w:r><w:tab/></w:r>{run("4")}{end}</w:p>'

    assert text_of(body) == "Rent\t3\nHeat\t4"


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ('<w:checkBox><w:default w:val="0"/><w:checked/></w:checkBox>', "☒"),
        ('<w:checkBox><w:default w:val="0"/></w:checkBox>', "☐"),
        (
            '<w:ddList><w:result w:val="1"/><w:listEntry w:val="Low"/><w:listEntry w:val="High"/></w:ddList>',
            "High",
        ),
    ],
)
def test_form_fields_show_their_values(form, shown):
    begin = f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{form}</w:ffData></w:fldChar></w:r>'
    end = '<w:r><w:instrText> FORM </w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'

    assert text_of(f"<w:p>{run('Risk: ')}{begin}{end}</w:p>") == f"Risk: {shown}"


def test_special_characters_are_read():
    pieces = (
        "<w:noBreakHyphen/><w:t>4711</w:t><w:softHyphen/><w:t>B</w:t>"
        '<w:tab/><w:sym w:font="Wingdings" w:char="F0FE"/><w:sym w:font="Symbol" w:char="F0B3"/><w:br/><w:t>end</w:t>'
    )

    assert text_of(f"<w:p>{run('AB')}<w:r>{pieces}</w:r></w:p>") == "AB-4711B\t☑≥\nend"


def test_letters_in_the_font_symbol_are_greek():
    letter = '<w:r><w:rPr><w:rFonts w:ascii="Symbol"/></w:rPr><w:t>m</w:t></w:r>'

    assert text_of(f"<w:p>{run('5 ')}{letter}{run('g')}</w:p>") == "5 μg"


def test_equations_are_written_in_one_line():
    def letters(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    square = f"<m:sSup><m:e>{letters('v')}</m:e><m:sup>{letters('2')}</m:sup></m:sSup>"
    fraction = f"<m:f><m:num>{square}</m:num><m:den>{letters('2a')}</m:den></m:f>"
    total = (
        f"<m:nary><m:naryPr><m:chr m:val='∑'/></m:naryPr><m:sub>{letters('i=1')}</m:sub><m:sup>{letters('n')}</m:sup>"
        f"<m:e>{letters('i')}</m:e></m:nary>"
    )
    root = f"<m:rad><m:radPr><m:degHide m:val='1'/></m:radPr><m:deg/><m:e>{letters('x+1')}</m:e></m:rad>"
    equation = "<m:oMath xmlns:m='m'>{}</m:oMath>"
    body = f"{run('So')}{equation.format(letters('d=') + fraction)}{run('. ')}{equation.format(total)}{run(' or ')}"

    assert text_of(f"<w:p>{body}{equation.format(root)}</w:p>") == "So d=(v^2)/(2a). ∑_(i=1)^n i or √(x+1)"


def test_addresses_of_contacts_and_downloads_are_kept_beside_their_words():
    links = {"a": "mailto:help@example.org?subject=x", "b": "https://example.org/form.pdf", "c": "https://example.org/"}
    body = "".join(f'<w:hyperlink r:id="{key}">{run("here ")}</w:hyperlink>' for key in links)
    parts = {
        "word/_rels/document.xml.rels": relations_of(
            {key: ("hyperlink", url) for key, url in links.items()}, is_external=True
        )
    }

    assert text_of(f"<w:p>{body}</w:p>", **parts) == "here (help@example.org) here (https://example.org/form.pdf) here"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"{run('10')}{run('6', _ABOVE_LINE)} units", "10^6"),
        (f"{run('H')}{run('2', _BELOW_LINE)}{run('O')}", "H2O"),
        (f"{run('v')}{run('max', _BELOW_LINE)}", "v_max"),
        (f"{run('1')}{run('st', _ABOVE_LINE)}{run(' of May')}", "1st of May"),
    ],
)
def test_raised_and_lowered_characters_keep_their_meaning(body, expected):
    assert text_of(f"<w:p>{body}</w:p>") == expected


# Revisions, struck and hidden text


def test_inserted_text_is_read_and_deleted_text_is_not():
    body = f"<w:p>{run('Pay ')}<w:del><w:r><w:delText>120</w:delText></w:r></w:del><w:ins>{run('95')}</w:ins></w:p>"

    assert text_of(body) == "Pay 95"


def test_a_paragraph_whose_end_was_deleted_goes_on_in_the_next():
    first = f"<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr>{run('The fee ')}</w:p>"

    assert text_of(first + paragraph("is 95 euros.")) == "The fee is 95 euros."


def test_struck_text_is_marked():
    body = f"<w:p>{run('The fee is ')}{run('120', 'strike')}{run(' 95 euros.')}</w:p>"

    assert text_of(body) == "The fee is ~~120~~ 95 euros."


def test_hidden_text_is_left_out_also_if_a_style_hides_it():
    style = '<w:style w:type="character" w:styleId="X"><w:rPr><w:vanish/></w:rPr></w:style>'
    body = f"<w:p>{run('Shown')}{run(' secret', 'vanish')}{run(' note', _HIDDEN_STYLE)}</w:p>"

    assert parse_document(styled(style, body), DOCX).sections == (section("Shown"),)


# Notes, comments, headers


def with_parts(body: str, **parts: tuple[str, str]) -> bytes:
    """Return a document with further parts: their kind and XML by the beginning of their names."""
    related = relations_of({name: (kind, f"{name}.xml") for name, (kind, _) in parts.items()})
    files = {f"word/{name}.xml": content for name, (_, content) in parts.items()}
    return docx_of(body, **{"word/_rels/document.xml.rels": related}, **files)


def test_footnotes_are_marked_and_follow_their_paragraph():
    body = f'<w:p>{run("Free")}<w:r><w:footnoteReference w:id="2"/></w:r>{run(".")}</w:p>' + paragraph("Next.")
    notes = word_part(
        "footnotes",
        f'<w:footnote w:type="separator" w:id="0">{paragraph("")}</w:footnote>'
        f'<w:footnote w:id="2"><w:p><w:r><w:footnoteRef/></w:r>{run("Not on Sunday.")}</w:p></w:footnote>',
    )

    assert parse_document(with_parts(body, footnotes=("footnotes", notes)), DOCX).sections == (
        section("Free[^1].\n\n[^1]: Not on Sunday.\n\nNext."),
    )


def test_comments_are_marked_with_their_author():
    body = f'<w:p>{run("The cap is 8000.")}<w:r><w:commentReference w:id="0"/></w:r></w:p>'
    comments = word_part("comments", f'<w:comment w:id="0" w:author="Ana">{paragraph("It must be 9500.")}</w:comment>')

    assert parse_document(with_parts(body, comments=("comments", comments)), DOCX).sections == (
        section("The cap is 8000.\n\n[Comment by Ana] It must be 9500."),
    )


def test_each_header_and_footer_is_there_once_without_page_numbers():
    header = word_part("hdr", paragraph("SOP-4471, revision 6"))
    page = field(" PAGE ", run("7"))
    footer = word_part("ftr", f"<w:p>{run('Line 0800 555')}<w:r><w:tab/></w:r>{run('Page ')}{page}{run(' of 9')}</w:p>")
    footer = footer.replace(run(" of 9"), run(" of ") + field(" NUMPAGES ", run("9")))
    section_end = (
        '<w:sectPr><w:headerReference w:type="default" r:id="h1"/><w:headerReference w:type="first" r:id="f1"/>'
        '<w:footerReference w:type="default" r:id="f1"/></w:sectPr>'
    )
    body = f"<w:p><w:pPr>{section_end}</w:pPr>{run('Rinse.')}</w:p>{section_end}"

    assert parse_document(with_parts(body, h1=("header", header), f1=("footer", footer)), DOCX).sections == (
        section("Header: SOP-4471, revision 6\n\nFooter: Line 0800 555\n\nRinse."),
    )


def test_a_table_in_a_header_places_its_text():
    page = f"<w:p>{run('Page ')}{field(' PAGE ', run('7'))}{run(' of ')}{field(' NUMPAGES ', run('9'))}</w:p>"
    header = word_part("hdr", word_table([["SOP-4471", "Revision 6", "x"]]).replace(paragraph("x"), page))
    body = paragraph("Rinse.") + '<w:sectPr><w:headerReference w:type="default" r:id="h1"/></w:sectPr>'

    assert parse_document(with_parts(body, h1=("header", header)), DOCX).sections == (
        section("Header: SOP-4471 | Revision 6\n\nRinse."),
    )


def test_a_web_page_that_word_inserts_is_read_and_another_file_is_reported():
    files = {"a": ("aFChunk", "chunk.html"), "b": ("aFChunk", "chunk.rtf")}
    parts = {
        "word/_rels/document.xml.rels": relations_of(files),
        "word/chunk.html": "<p>Inserted</p>",
        "word/chunk.rtf": "{}",
    }
    body = paragraph("Prices", style="heading1") + '<w:altChunk r:id="a"/><w:altChunk r:id="b"/>'
    document = parse_document(docx_of(body, **parts), DOCX)

    assert document.sections == (section("Inserted", "Prices"),)
    assert [(warning.code, warning.place) for warning in document.warnings] == [("dropped_object", 'below "Prices"')]


# Tables


def test_the_bold_first_row_of_a_table_style_is_a_header():
    style = (
        '<w:style w:type="table" w:styleId="T"><w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr></w:tblStylePr>'
        "</w:style>"
    )
    look = '<w:tbl><w:tblPr><w:tblStyle w:val="T"/><w:tblLook w:val="04A0"/></w:tblPr>'
    table = word_table([["City", "Mayor"], ["Rome", "Ana"]]).replace("<w:tbl>", look)

    assert parse_document(styled(style, table), DOCX).sections == (section("City: Rome | Mayor: Ana"),)


def test_a_merged_value_belongs_to_each_row_that_it_spans():
    rows = [
        [paragraph("North"), paragraph("Monday"), paragraph("8 to 12")],
        [paragraph(""), paragraph("Tuesday"), paragraph("9 to 13")],
    ]
    table = word_table([["Pool", "Day", "Hours"]], header_rows=1).removesuffix("</w:tbl>")
    for row, merge in zip(rows, (_FIRST, _BELOW), strict=True):
        table += f"<w:tr>{merged_cell(row[0], merge)}{merged_cell(row[1])}{merged_cell(row[2])}</w:tr>"
    table += f"<w:tr>{merged_cell(paragraph('All'), _TWO_COLUMNS)}"
    table += f"{merged_cell(paragraph('closed'))}</w:tr></w:tbl>"

    assert text_of(table).split("\n\n") == [
        "Pool: North | Day: Monday | Hours: 8 to 12",
        "Pool: North | Day: Tuesday | Hours: 9 to 13",
        "Pool: All | Day: All | Hours: closed",
    ]


def test_a_table_in_a_cell_stays_in_its_row():
    inner = word_table([["Phase", "Owner"], ["One", "Ana"], ["Two", "Ben"]], header_rows=1)
    table = word_table([["Project", "Phases"], ["Bridge", "x"]], header_rows=1).replace(paragraph("x"), inner)

    assert text_of(table) == "Project: Bridge | Phases: Phase: One | Owner: Ana; Phase: Two | Owner: Ben"


def test_a_table_of_one_column_frames_its_contents():
    inner = paragraph("Safety", style="heading1") + paragraph("Wear a helmet.")
    table = f"<w:tbl><w:tr>{merged_cell(inner)}</w:tr></w:tbl>"

    assert parse_document(docx_of(table), DOCX).sections == (section("Wear a helmet.", "Safety"),)


def test_deleted_rows_are_left_out():
    table = word_table([["City", "Size"], ["Rome", "2"], ["Oslo", "1"]], header_rows=1)
    oslo = table[table.index("<w:tr>", table.index("Rome")) :]

    assert text_of(table.replace(oslo, oslo.replace("<w:tr>", "<w:tr><w:trPr><w:del/></w:trPr>"))) == (
        "City: Rome | Size: 2"
    )


# Drawings


def test_the_words_of_diagrams_and_the_values_of_charts_are_read():
    drawing = (
        "<w:p><w:r><w:drawing><x:relIds r:dm='d1'/></w:drawing></w:r><w:r><w:drawing><x:chart r:id='c1'/></w:drawing>"
    )
    points = "".join(
        f'<pt modelId="{key}"><t><p><r><t>{text}</t></r></p></t></pt>' for key, text in [("1", "b"), ("2", "d")]
    )
    series = (
        "<ser><tx><v>Sold</v></tx><cat><pt idx='0'><v>Rome</v></pt><pt idx='1'><v>Oslo</v></pt></cat>"
        "<val><formatCode>0%</formatCode><pt idx='0'><v>0.25</v></pt><pt idx='1'><v>0.5</v></pt></val></ser>"
    )
    chart = f"<c><chart><title><p><r><t>Sales</t></r></p></title><plotArea>{series}</plotArea></chart></c>"
    document = parse_document(
        with_parts(drawing + "</w:r></w:p>", d1=("diagramData", f"<m>{points}</m>"), c1=("chart", chart)), DOCX
    )

    assert document.sections == (section("- b\n- d\n\nChart: Sales\n\nRome | Sold: 25%\n\nOslo | Sold: 50%"),)


def test_the_alternative_text_of_a_picture_is_marked():
    picture = '<w:drawing><wp:docPr xmlns:wp="wp" descr="A tram"/><pic/></w:drawing>'

    assert text_of(f"<w:p>{run('See')}<w:r>{picture}</w:r>{run('here')}</w:p>") == "See [Image: A tram] here"


def test_a_document_of_pictures_is_reported():
    picture = "<w:p><w:r><w:drawing><pic/></w:drawing></w:r></w:p>"

    assert [warning.code for warning in parse_document(docx_of(paragraph("1") + picture), DOCX).warnings] == [
        "dropped_object"
    ]
    assert not parse_document(docx_of(paragraph("word " * 30) + picture), DOCX).warnings


def test_embedded_objects_are_reported():
    body = paragraph("Text.") + "<w:p><w:r><w:object><OLEObject ProgID='Excel.Sheet.12'/></w:object></w:r></w:p>"
    [warning] = parse_document(docx_of(body * 2), DOCX).warnings

    assert (warning.code, warning.count) == ("dropped_object", 2)
    assert "Excel" in warning.message


# Limits


def calls_for(body: str) -> int:
    """Return how many functions are called to read the document: unlike its time, this is the same on any machine."""
    document = docx_of(body)
    count = 0

    def count_call(_frame, event, _argument):
        nonlocal count
        count += event.endswith("call")

    sys.setprofile(count_call)
    try:
        parse_document(document, DOCX)
    finally:
        sys.setprofile(None)
    return count


def many_runs(count: int) -> str:
    return f"<w:p>{run('word ') * count}</w:p>"


def many_merged_cells(count: int) -> str:
    first = f"<w:tr>{merged_cell(paragraph('x'), _FIRST)}{merged_cell(paragraph('a 1'))}</w:tr>"
    below = f"<w:tr>{merged_cell(paragraph(''), _BELOW)}{merged_cell(paragraph('b 2'))}</w:tr>"
    return f"<w:tbl>{first}{below * count}</w:tbl>"


@pytest.mark.no_cover
@pytest.mark.parametrize("body_of", [many_runs, many_merged_cells], ids=["runs", "merged cells"])
def test_work_grows_with_the_size_and_not_faster(body_of):
    assert calls_for(body_of(3_000)) < 12 * calls_for(body_of(300))


def test_tables_nested_too_deeply_are_rejected():
    body = "<w:tbl><w:tr><w:tc>" * 2_000 + paragraph("x") + "</w:tc></w:tr></w:tbl>" * 2_000

    with pytest.raises(InvalidInput, match="nested too deeply"):
        parse_document(docx_of(body), DOCX)
