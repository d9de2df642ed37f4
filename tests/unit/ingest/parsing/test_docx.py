from tests.support.formats.documents import parse_document, section
from tests.support.formats.office_writer import docx_of, paragraph, word_table

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def test_headings_are_below_the_title():
    body = paragraph("Handbook", style="Title") + paragraph("Parking", style="heading1")
    document = parse_document(docx_of(body + paragraph("Behind the house.")), DOCX)

    assert document.title == "Handbook"
    assert document.sections == (section("Behind the house.", "Handbook", "Parking"),)


def test_without_a_title_the_first_heading_is_the_title():
    document = parse_document(docx_of(paragraph("Parking", style="heading1") + paragraph("Behind the house.")), DOCX)

    assert (document.title, document.sections) == ("Parking", (section("Behind the house.", "Parking"),))


def test_lists_and_tables_keep_their_order_and_form():
    body = (
        paragraph("one", is_item=True) + paragraph("two", is_item=True) + word_table([["City", "Size"], ["Rome", "2"]])
    )

    assert parse_document(docx_of(body), DOCX).sections == (section("- one\n- two\n\nCity | Size\nRome | 2"),)


def test_paragraphs_in_a_cell_do_not_break_its_row():
    table = word_table([["Rome", "x"]]).replace("<w:tc>", f"<w:tc>{paragraph('City')}", 1)

    assert parse_document(docx_of(table), DOCX).sections == (section("City Rome | x"),)


def test_text_boxes_and_content_controls_are_read():
    box = f"<w:p><w:r><w:pict><w:txbxContent>{paragraph('In a box.')}</w:txbxContent></w:pict></w:r></w:p>"
    control = f"<w:sdt><w:sdtContent>{paragraph('In a control.')}</w:sdtContent></w:sdt>"

    assert parse_document(docx_of(box + control), DOCX).sections == (section("In a box.\n\nIn a control."),)


def test_macros_are_ignored():
    document = parse_document(docx_of(paragraph("Text."), **{"word/vbaProject.bin": "Sub Evil()"}), DOCX)

    assert document.sections == (section("Text."),)
