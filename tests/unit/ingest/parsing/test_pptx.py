import pytest

from rag.types import Place, Section
from tests.support.formats.documents import parse_document
from tests.support.formats.office_writer import group, pptx_of, relations_of, shape, slide_table

PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"


def sections(*slides: str, **more) -> list[tuple[str, ...]]:
    """Return the text of each section after its heading, if it has one."""
    document = parse_document(pptx_of(slides, **more), PPTX)
    return [(*part.heading_path, part.text) for part in document.sections]


def text_of(slide: str, **more) -> str:
    return "\n".join(part[-1] for part in sections(slide, **more))


def test_each_slide_is_a_section_under_its_title_with_its_number_as_place():
    slides = [shape("Plan", kind="title") + shape("First.", "Second."), shape("No title.")]

    assert parse_document(pptx_of(slides), PPTX).sections == (
        Section(heading_path=("Plan",), text="First.\nSecond.", places=((0, Place(slide=1)),)),
        Section(heading_path=(), text="No title.", places=((0, Place(slide=2)),)),
    )


def test_the_title_of_the_first_slide_is_the_title():
    assert parse_document(pptx_of([shape("Budget", kind="ctrTitle"), shape("x")]), PPTX).title == "Budget"


def test_tables_and_notes_belong_to_their_slide():
    table = slide_table([["City", "Size"], ["Rome", "2"]], has_header=True)

    assert sections(table, notes={1: "Say hello."}) == [("City: Rome | Size: 2\n\nNotes: Say hello.",)]


def test_merged_cells_of_tables_belong_to_each_row():
    table = slide_table([["Pool", "Day"], ["North", "Monday"], ["below", "Tuesday"]], has_header=True)
    below = "<a:tc><a:txBody><a:p><a:r><a:t>below</a:t></a:r></a:p></a:txBody></a:tc>"

    assert (
        text_of(table.replace(below, '<a:tc vMerge="1"/>')) == "Pool: North | Day: Monday\n\nPool: North | Day: Tuesday"
    )


def test_slide_numbers_are_dropped_and_footers_are_there_once():
    slide = shape("7", kind="sldNum") + shape("Confidential", kind="ftr")

    assert sections(slide + shape("One."), slide + shape("Two.")) == [("One.\n\nFooter: Confidential",), ("Two.",)]


def test_slides_without_text_are_dropped_but_counted():
    document = parse_document(pptx_of(["", shape("Text.")]), PPTX)

    assert [part.places for part in document.sections] == [((0, Place(slide=2)),)]


def test_hidden_slides_are_marked_and_hidden_shapes_are_not_read():
    hidden = shape("Secret.").replace("<p:txBody>", '<p:nvSpPr><p:cNvPr hidden="1"/></p:nvSpPr><p:txBody>')
    slide = '<p:sld xmlns:p="p" xmlns:a="a" show="0"><p:cSld><p:spTree>{}</p:spTree></p:cSld></p:sld>'

    assert sections("", **{"ppt/slides/slide1.xml": slide.format(shape("Later.") + hidden)}) == [
        ("[Hidden slide]\n\nLater.",)
    ]


def test_nested_list_items_are_indented():
    points = shape("Fruit", "Apples").replace("<a:p>", '<a:p><a:pPr lvl="1"/>', 2).replace('lvl="1"', 'lvl="0"', 1)

    assert text_of(points) == "Fruit\n- Apples"


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        ('type="arabicPeriod"', ["1. a", "2. b"]),
        ('type="arabicParenBoth" startAt="7"', ["(7) a", "(8) b"]),
        ('type="alphaUcParenR"', ["A) a", "B) b"]),
        ('type="romanLcPeriod"', ["i. a", "ii. b"]),
    ],
)
def test_numbered_items_have_their_numbers(look, expected):
    items = shape("a", "b").replace("<a:p>", f"<a:p><a:pPr><a:buAutoNum {look}/></a:pPr>")

    assert text_of(items).split("\n") == expected


def test_slides_follow_the_presentation_order_and_not_their_file_names():
    listed = [f'<p:sldId id="{id}" r:id="r{id - 255}"/>' for id in (257, 256)]
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    presentation = (
        f'<p:presentation xmlns:p="p" xmlns:r="{office}"><p:sldIdLst>{"".join(listed)}</p:sldIdLst></p:presentation>'
    )
    slides = [shape("Second.", kind="title") + shape("2"), shape("First.", kind="title") + shape("1")]

    assert [part[0] for part in sections(*slides, **{"ppt/presentation.xml": presentation})] == ["First.", "Second."]


# Reading order


def test_shapes_are_read_in_rows_from_top_to_bottom_and_left_to_right():
    slide = "".join(
        [
            shape("fourth", at=(500, 310, 400, 90)),
            shape("third", at=(0, 300, 400, 90)),
            shape("second", at=(500, 95, 400, 90)),
            shape("first", at=(0, 100, 400, 90)),
            shape("Title", kind="title"),
        ]
    )

    assert sections(slide) == [("Title", "first\n\nsecond\n\nthird\n\nfourth")]


def test_columns_beside_a_tall_shape_are_read_one_after_the_other():
    slide = "".join(
        [
            shape("tall", at=(500, 100, 400, 300)),
            shape("lower left", at=(0, 260, 400, 100)),
            shape("upper left", at=(10, 110, 400, 100)),
        ]
    )

    assert text_of(slide) == "upper left\n\nlower left\n\ntall"


def test_groups_are_read_at_their_place_on_the_slide():
    # The shapes in the group use coordinates of their own, ten times as large.
    inside = shape("right", at=(5_000, 0, 4_000, 1_000)) + shape("left", at=(0, 0, 4_000, 1_000))
    slide = shape("below", at=(0, 500, 900, 100)) + group(inside, at=(0, 100, 900, 100), inner=(0, 0, 9_000, 1_000))

    assert text_of(slide) == "left\n\nright\n\nbelow"


def test_a_placeholder_without_a_place_has_that_of_its_layout():
    slide = shape("above", at=(0, 100, 900, 100)) + shape("body", kind="body")
    layout = '<p:sldLayout xmlns:p="p" xmlns:a="a"><p:cSld><p:spTree>{}</p:spTree></p:cSld></p:sldLayout>'
    parts = {
        "ppt/slides/_rels/slide1.xml.rels": relations_of({"l": ("slideLayout", "../slideLayouts/layout1.xml")}),
        "ppt/slideLayouts/layout1.xml": layout.format(shape("Click here", kind="body", at=(0, 300, 900, 100))),
    }

    assert text_of(slide, **parts) == "above\n\nbody"


def test_right_to_left_presentations_are_read_from_the_right():
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    presentation = (
        f'<p:presentation xmlns:p="p" xmlns:r="{office}" rtl="1"><p:sldIdLst><p:sldId r:id="r1"/></p:sldIdLst>'
        "</p:presentation>"
    )
    slide = shape("שמאל", at=(0, 0, 100, 100)) + shape("ימין", at=(200, 0, 100, 100))

    assert text_of(slide, **{"ppt/presentation.xml": presentation}) == "ימין\n\nשמאל"


# What else a slide shows


def with_parts(slide: str, **parts: tuple[str, str]) -> str:
    """Return the text of a slide with further parts: their kind and XML by the beginning of their names."""
    related = relations_of({name: (kind, f"../{name}.xml") for name, (kind, _) in parts.items()})
    files = {f"ppt/{name}.xml": content for name, (_, content) in parts.items()}
    return text_of(slide, **{"ppt/slides/_rels/slide1.xml.rels": related}, **files)


def frame(content: str) -> str:
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return f'<p:graphicFrame><a:graphic xmlns:r="{office}">{content}</a:graphic></p:graphicFrame>'


def test_diagrams_are_read_in_the_order_of_their_nodes():
    point = '<pt modelId="{}"{}><t><p><r><t>{}</t></r></p></t></pt>'
    points = point.format("c", "", "Pay") + point.format("b", "", "Sign") + point.format("a", "", "Draft")
    connections = "".join(
        f'<cxn srcId="{source}" destId="{target}" srcOrd="{order}"/>'
        for source, target, order in [("r", "b", 1), ("r", "a", 0), ("b", "c", 0)]
    )
    data = f'<m><ptLst><pt modelId="r" type="doc"/>{points}</ptLst><cxnLst>{connections}</cxnLst></m>'

    assert with_parts(frame('<relIds r:dm="d"/>'), d=("diagramData", data)) == "- Draft\n- Sign\n  - Pay"


def test_charts_are_tables_of_their_stored_values():
    categories = "<cat><pt idx='0'><v>Riga</v></pt><pt idx='1'><v>Oslo</v></pt></cat>"
    series = (
        f"<ser><tx><v>Sold</v></tx>{categories}<val><pt idx='0'><v>31</v></pt><pt idx='1'><v>47</v></pt></val></ser>"
    )

    assert (
        with_parts(frame('<chart r:id="c"/>'), c=("chart", f"<c>{series}</c>")) == "Riga | Sold: 31\n\nOslo | Sold: 47"
    )


def test_comments_of_both_forms_are_marked():
    old = "<cmLst><cm><text>Check.</text></cm></cmLst>"
    body = "<txBody><p><r><t>{}</t></r></p></txBody>"
    new = f"<cmLst><cm><replyLst><reply>{body.format('Done.')}</reply></replyLst>{body.format('Really?')}</cm></cmLst>"

    assert with_parts(shape("Text."), a=("comments", old), b=("comments", new)) == (
        "Text.\n\n[Comment] Check.\n\n[Comment] Really?\n\n[Comment] Done."
    )


def test_texts_of_a_layout_are_read_but_not_its_prompts():
    layout = shape("Click to edit", kind="body") + shape("For internal use")
    part = f'<p:sldLayout xmlns:p="p" xmlns:a="a"><p:cSld><p:spTree>{layout}</p:spTree></p:cSld></p:sldLayout>'

    assert with_parts(shape("Text."), l=("slideLayout", part)) == "Text.\n\nBackground: For internal use"


def test_a_master_that_the_layout_hides_is_not_read_on_any_slide():
    def part(name: str, text: str, look: str) -> str:
        return (
            f'<p:{name} xmlns:p="p" xmlns:a="a" {look}><p:cSld><p:spTree>{shape(text)}</p:spTree></p:cSld></p:{name}>'
        )

    to_layout = relations_of({"l": ("slideLayout", "../l.xml")})
    parts = {
        **{f"ppt/slides/_rels/slide{number}.xml.rels": to_layout for number in (1, 2)},
        "ppt/l.xml": part("sldLayout", "Of the layout", 'showMasterSp="0"'),
        "ppt/_rels/l.xml.rels": relations_of({"m": ("slideMaster", "m.xml")}),
        "ppt/m.xml": part("sldMaster", "Of the master", ""),
    }

    assert sections(shape("One."), shape("Two."), **parts) == [
        ("One.\n\nBackground: Of the layout",),
        ("Two.",),
    ]


def test_struck_and_raised_text_and_equations_keep_their_meaning():
    runs = (
        '<a:r><a:rPr strike="sngStrike"/><a:t>120</a:t></a:r><a:r><a:t> 95 of 10</a:t></a:r>'
        '<a:r><a:rPr baseline="30000"/><a:t>6</a:t></a:r>'
        "<a:m><m:oMath xmlns:m='m'><m:r><m:t>E=mc</m:t></m:r></m:oMath></a:m>"
    )

    assert text_of(f"<p:sp><p:txBody><a:p>{runs}</a:p></p:txBody></p:sp>") == "~~120~~ 95 of 10^6 E=mc"


def test_the_alternative_text_of_a_picture_is_marked():
    assert text_of('<p:pic><p:nvPicPr><p:cNvPr descr="A tram"/></p:nvPicPr></p:pic>') == "[Image: A tram]"


@pytest.mark.parametrize(("width", "places"), [(800, ["slide 2"]), (300, [])])
def test_slides_that_are_only_a_picture_are_reported(width, places):
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    presentation = (
        f'<p:presentation xmlns:p="p" xmlns:r="{office}"><p:sldIdLst><p:sldId r:id="r1"/><p:sldId r:id="r2"/>'
        '</p:sldIdLst><p:sldSz cx="1000" cy="1000"/></p:presentation>'
    )
    picture = f'<p:pic><p:spPr><a:xfrm><a:off/><a:ext cx="{width}" cy="900"/></a:xfrm></p:spPr></p:pic>'
    body = pptx_of([shape("Text.") + picture, picture], **{"ppt/presentation.xml": presentation})

    assert [warning.place for warning in parse_document(body, PPTX).warnings] == places


def test_embedded_objects_are_reported_with_their_slide():
    [warning] = parse_document(pptx_of([frame('<p:oleObj progId="Excel.Sheet"/>') + shape("x")]), PPTX).warnings

    assert (warning.code, warning.place) == ("dropped_object", "slide 1")


def test_many_shapes_in_steps_take_bounded_time():
    steps = "".join(shape("x", at=(number * 7 % 1000, number * 13 % 997, 500, 500)) for number in range(3_000))

    assert text_of(steps).count("x") == 3_000
