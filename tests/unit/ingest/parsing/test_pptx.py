from tests.support.documents import parsed, section
from tests.support.office_writer import pptx_of, shape, slide_table

PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"


def sections(*slides, **more):
    return parsed(pptx_of(slides, **more), PPTX).sections


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


def test_numbers_and_dates_of_slides_are_left_out():
    assert sections(shape("7", kind="sldNum") + shape("2026", kind="dt") + shape("Text.")) == (
        section("Text.", "slide 1"),
    )


def test_slides_without_text_are_left_out_and_still_counted():
    assert sections("", shape("Text.")) == (section("Text.", "slide 2"),)


def test_the_deeper_points_of_a_list_are_indented():
    points = shape("Fruit", "Apples").replace("<a:p>", '<a:p><a:pPr lvl="1"/>', 2).replace('lvl="1"', 'lvl="0"', 1)

    assert sections(points) == (section("Fruit\n- Apples", "slide 1"),)


def test_the_order_of_the_show_counts_not_the_names_of_the_files():
    show = pptx_of([shape("Second."), shape("First.")])
    listed = [f'<p:sldId id="{id}" r:id="r{id - 255}"/>' for id in (256, 257)]
    # Rewritten whole: the archive is compressed.
    presentation = (
        '<p:presentation xmlns:p="p" xmlns:r="r"><p:sldIdLst>'
        + "".join(reversed(listed))
        + "</p:sldIdLst></p:presentation>"
    )
    assert show != (turned := pptx_of([shape("Second."), shape("First.")], **{"ppt/presentation.xml": presentation}))
    assert [part.text for part in parsed(turned, PPTX).sections] == ["First.", "Second."]
