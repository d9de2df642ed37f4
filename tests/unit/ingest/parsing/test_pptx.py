from tests.support.formats.documents import parse_document, section
from tests.support.formats.office_writer import pptx_of, shape, slide_table

PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"


def sections(*slides, **more):
    return parse_document(pptx_of(slides, **more), PPTX).sections


def test_each_slide_is_a_section_under_its_number_and_title():
    assert sections(shape("Plan", kind="title") + shape("First.", "Second."), shape("No title.")) == (
        section("First.\nSecond.", "slide 1: Plan"),
        section("No title.", "slide 2"),
    )


def test_tables_and_notes_belong_to_their_slide():
    table = slide_table([["City", "Size"], ["Rome", "2"]])

    assert sections(table, notes={1: "Say hello."}) == (
        section("City | Size\nRome | 2\n\nNotes: Say hello.", "slide 1"),
    )


def test_shapes_in_groups_are_read():
    assert sections(f"<p:grpSp>{shape('Inside.')}</p:grpSp>") == (section("Inside.", "slide 1"),)


def test_slide_numbers_and_dates_are_dropped():
    assert sections(shape("7", kind="sldNum") + shape("2026", kind="dt") + shape("Text.")) == (
        section("Text.", "slide 1"),
    )


def test_slides_without_text_are_dropped_but_counted():
    assert sections("", shape("Text.")) == (section("Text.", "slide 2"),)


def test_nested_list_items_are_indented():
    points = shape("Fruit", "Apples").replace("<a:p>", '<a:p><a:pPr lvl="1"/>', 2).replace('lvl="1"', 'lvl="0"', 1)

    assert sections(points) == (section("Fruit\n- Apples", "slide 1"),)


def test_slides_follow_the_presentation_order_and_not_their_file_names():
    show = pptx_of([shape("Second."), shape("First.")])
    listed = [f'<p:sldId id="{id}" r:id="r{id - 255}"/>' for id in (256, 257)]
    # The part is replaced, because the archive is compressed and cannot be edited in place.
    presentation = (
        '<p:presentation xmlns:p="p" xmlns:r="r"><p:sldIdLst>'
        + "".join(reversed(listed))
        + "</p:sldIdLst></p:presentation>"
    )
    assert show != (turned := pptx_of([shape("Second."), shape("First.")], **{"ppt/presentation.xml": presentation}))
    assert [part.text for part in parse_document(turned, PPTX).sections] == ["First.", "Second."]
