import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rag.errors import InvalidInput
from rag.types import Place
from tests.support.formats.documents import parse_document
from tests.support.formats.pdf_writer import FULL_PAGE_IMAGE, first_object, lines_at, pdf_of

# A font as some programs embed it: only glyph numbers, and no table of their characters.
FONT_WITHOUT_CHARACTERS = (
    "/F2 << /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [<< /Type /Font "
    "/Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
    "/FontDescriptor << /Type /FontDescriptor /FontName /X /Flags 4 >> >>] >>"
)
GLYPHS = "BT /F2 11 Tf 50 700 Td <000100020003000400050006000700080009000A000B000C> Tj ET"


def pdf(body: bytes):
    return parse_document(body, "application/pdf", name="report.pdf")


def text_of(body: bytes) -> str:
    return "\n\n".join(section.text for section in pdf(body).sections)


def warnings_of(body: bytes) -> list[tuple[str, int, str]]:
    return [(warning.code, warning.count, warning.place) for warning in pdf(body).warnings]


def test_text_has_the_place_of_its_page_and_a_blank_page_is_no_warning():
    document = pdf(pdf_of([["First."], [], ["Third."]]))

    [only] = document.sections
    assert (only.heading_path, only.text) == ((), "First.\n\nThird.")
    assert only.places == ((0, Place(page=1)), (8, Place(page=3)))
    assert document.warnings == ()


def test_the_title_comes_from_the_metadata_or_the_file_name():
    assert pdf(pdf_of([["x"]], title="Annual report")).title == "Annual report"
    assert pdf(pdf_of([["x"]])).title == "report.pdf"


def test_wrapped_lines_are_joined_and_hyphenated_words_are_restored():
    lines = [
        "This paragraph is wider than its page, so it is conti-",
        "nued on the line below and it goes on upon the third",
        "and ends here.",
        "The next paragraph starts on a line of its own, with",
        "two items:",
        "- the first one, which is as wide as the others are,",
        "- the second",
    ]

    [only] = pdf(pdf_of([lines])).sections

    assert only.text == (
        "This paragraph is wider than its page, so it is continued on the line below and it goes on upon the third "
        "and ends here.\n\n"
        "The next paragraph starts on a line of its own, with two items:\n\n"
        "- the first one, which is as wide as the others are,\n"
        "- the second"
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["the years 2019-", "2020"], "the years 2019-2020"),
        (["part number XK-", "77 is"], "part number XK-77 is"),
        (["the H2-", "Sensor"], "the H2-Sensor"),
        (["by e-", "mail only"], "by e-mail only"),
        (["an up-to-", "date list"], "an up-to-date list"),
        (["the Anglo-", "Saxon age"], "the Anglo-Saxon age"),
        (["a self-", "contained part"], "a self-contained part"),
        (["a step-", "by-step guide"], "a step-by-step guide"),
        (["call open_-", "file here"], "call open_file here"),
        (["a long-", "term plan"], "a long-term plan"),
        (["for ex-", "ample this"], "for example this"),
        (["an instal-", "lation guide"], "an installation guide"),
        (["AN INSTAL-", "LATION GUIDE"], "AN INSTALLATION GUIDE"),
        # The document itself has the word elsewhere.
        (["low-level code", "more low-", "level code"], "low-level code\nmore low-level code"),
        (["nonlinear parts", "more non-", "linear parts"], "nonlinear parts\nmore nonlinear parts"),
        (["each thread is safe", "a thread-", "safe queue"], "each thread is safe\na thread-safe queue"),
        (["with tools and out of it", "done with-", "out tools"], "with tools and out of it\ndone without tools"),
        (["Ein-", "und Ausgang"], "Ein- und Ausgang"),
    ],
)
def test_a_hyphen_at_a_line_end_stays_only_where_the_word_needs_it(lines, expected):
    assert text_of(pdf_of([lines])).replace("\n\n", "\n") == expected


def test_a_manual_full_of_names_without_vowels_is_not_garbled():
    lines = ["call msgnn nnnn xtrn ptrs"] * 30 + [f"the {word} of it" for word in ("name", "type", "value", "default")]

    assert "msgnn" in text_of(pdf_of([lines]))


def test_scanned_pages_are_counted_and_named():
    body = pdf_of([["Cover sheet"], FULL_PAGE_IMAGE, FULL_PAGE_IMAGE, ["Annex"], FULL_PAGE_IMAGE])

    [warning] = pdf(body).warnings
    assert (warning.code, warning.count, warning.place) == ("page_without_text", 3, "pages 2 to 3, 5")
    assert warning.message.startswith("3 pages without text (scanned)")


def test_a_scan_with_a_stamp_is_a_warning_but_recognised_text_and_small_images_are_not():
    stamp, logo = lines_at(50, 50, ["Received 4 May"]), FULL_PAGE_IMAGE.replace("595 0 0 842", "90 0 0 40")
    recognised = FULL_PAGE_IMAGE + " " + lines_at(50, 700, ["The whole text of the page."]).replace("BT", "BT 3 Tr")

    assert warnings_of(pdf_of([f"{FULL_PAGE_IMAGE} {stamp}"])) == [("page_without_text", 1, "page 1")]
    assert warnings_of(pdf_of([recognised])) == []
    assert text_of(pdf_of([recognised])) == "The whole text of the page."
    assert warnings_of(pdf_of([f"{logo} {stamp}"])) == []


def test_a_font_without_characters_is_a_warning():
    body = pdf_of([["A readable page."], GLYPHS], fonts=FONT_WITHOUT_CHARACTERS)

    assert warnings_of(body) == [("unreadable_font", 1, "page 2")]
    assert text_of(body) == "A readable page."


def test_a_font_without_a_table_is_read_if_its_glyphs_are_numbered_like_ascii():
    glyphs = " ".join(f"/g{code} 9 0 R" for code in range(32, 127))
    names = " ".join(f"/g{code}" for code in range(32, 127))
    font = (
        "/F2 << /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [0.1 0 0 0.1 0 0]"
        f" /CharProcs << {glyphs} >>"
        f" /Encoding << /Type /Encoding /Differences [32 {names}] >> /FirstChar 32 /LastChar 126"
        f" /Widths [{'5 ' * 95}] >>"
    )
    shown = "BT /F2 11 Tf 50 700 Td (Editing the graphs of this report takes no time at all) Tj ET"

    assert text_of(pdf_of([shown], fonts=font)) == "Editing the graphs of this report takes no time at all"


def test_text_in_a_shifted_alphabet_is_left_out_with_a_warning():
    words = [
        *("shift", "letters", "alphabet", "reading", "nothing", "understand", "machine", "sentence", "without"),
        *("meaning", "however", "pages", "office", "printed", "person", "library", "number", "winter", "morning"),
        *("garden", "village", "holiday", "station", "picture"),
    ]
    shifted = [word.translate({n: (n - 97 + 3) % 26 + 97 for n in range(97, 123)}) for word in words]
    body = pdf_of([["A readable page."], [" ".join(shifted[n : n + 6]) for n in range(0, 24, 6)]])

    assert warnings_of(body) == [("unreadable_font", 1, "page 2")]
    assert text_of(body) == "A readable page."


def form_of(fields: list[str]) -> bytes:
    first = first_object(1)
    references = " ".join(f"{first + n} 0 R" for n in range(len(fields)))
    widgets = [f"<< /Type /Annot /Subtype /Widget /F 4 {entries} >>" for entries in fields]
    catalog = f"/AcroForm << /Fields [{references}] /DA (/F1 11 Tf) /DR << /Font << /F1 3 0 R >> >> >>"
    return pdf_of([["Form", "Family name:"]], catalog=catalog, annotations={0: references}, objects=widgets)


def test_the_values_of_form_fields_stand_beside_their_labels():
    states = "/AP << /N << /Yes << >> /Off << >> >> >>"
    body = form_of(
        [
            "/FT /Tx /T (city) /V (Riga) /Rect [300 700 400 715]",
            "/FT /Tx /T (f2) /TU (Date of birth) /V (1998-02-01) /Rect [300 650 400 665]",
            "/FT /Tx /T (Text3) /V (Ozols) /Rect [150 760 300 775]",
            f"/FT /Btn /T (member) /V /Yes /AS /Yes {states} /Rect [300 600 310 610]",
            f"/FT /Btn /T (vegan) /V /Off /AS /Off {states} /Rect [300 580 310 590]",
            "/FT /Ch /Ff 131072 /T (size) /Opt [(small) (large)] /V (large) /Rect [300 500 400 515]",
            "/FT /Tx /T (empty) /Rect [300 450 400 465]",
            "/FT /Tx /T (hidden) /V (secret) /F 2 /Rect [300 400 400 415]",
        ]
    )

    assert text_of(body).splitlines()[-6:] == [
        "city: Riga",
        "Date of birth: 1998-02-01",
        "Family name: Ozols",
        "member: yes",
        "vegan: no",
        "size: large",
    ]


def test_comments_are_marked_and_links_to_contact_data_and_files_are_kept():
    annotations = (
        "<< /Type /Annot /Subtype /Text /T (Ann) /Contents (Is this still valid?) /Rect [10 10 20 20] >>"
        "<< /Type /Annot /Subtype /FreeText /Contents (Valid from May) /Rect [10 40 90 60] >>"
        "<< /Type /Annot /Subtype /Link /Rect [45 775 120 792] /A << /S /URI /URI (mailto:help@example.org) >> >>"
        "<< /Type /Annot /Subtype /Link /Rect [45 761 120 774] /A << /S /URI /URI (https://example.org/a.zip) >> >>"
        "<< /Type /Annot /Subtype /Link /Rect [45 747 120 760] /A << /S /URI /URI (https://example.org/b) >> >>"
    )
    body = pdf_of([["Write to us", "Sources", "More"]], annotations={0: annotations})

    blocks = text_of(body).split("\n\n")
    assert blocks == [
        "Write to us\nSources\nMore",
        "Comment by Ann: Is this still valid?",
        "Valid from May",
        "Write to us: help@example.org\nSources: https://example.org/a.zip",
    ]


def test_attached_files_are_named():
    first = first_object(1)
    names = f"/Names << /EmbeddedFiles << /Names [(prices.csv) {first} 0 R] >> >>"
    specification = f"<< /Type /Filespec /F (prices.csv) /UF (prices.csv) /EF << /F {first + 1} 0 R >> >>"
    file = "<< /Type /EmbeddedFile /Length 3 >>\nstream\na,b\nendstream"

    [warning] = pdf(pdf_of([["See the list."]], catalog=names, objects=[specification, file])).warnings
    assert (warning.code, warning.count) == ("dropped_object", 1)
    assert "prices.csv" in warning.message
    with pytest.raises(InvalidInput, match="only contains attached files"):
        pdf(pdf_of([[]], catalog=names, objects=[specification, file]))


def test_bookmarks_become_heading_paths_where_the_page_has_their_words():
    first = first_object(2)
    items = [
        f"<< /First {first + 1} 0 R /Last {first + 3} 0 R /Count 3 >>",
        f"<< /Title (Rules) /Parent {first} 0 R /Next {first + 3} 0 R /First {first + 2} 0 R /Last {first + 2} 0 R "
        "/Count 1 /Dest [4 0 R /Fit] >>",
        f"<< /Title (Glass) /Parent {first + 1} 0 R /Dest [4 0 R /Fit] >>",
        f"<< /Title (Not on the page) /Parent {first} 0 R /Dest [6 0 R /Fit] /Prev {first + 1} 0 R >>",
    ]
    body = pdf_of(
        [["Preface.", "2 Rules", "Be quiet.", "2.1 Glass", "No glass."], ["Nor bottles."]],
        catalog=f"/Outlines {first} 0 R",
        objects=items,
    )

    assert [(section.heading_path, section.text) for section in pdf(body).sections] == [
        ((), "Preface."),
        (("2 Rules",), "Be quiet."),
        (("2 Rules", "2.1 Glass"), "No glass.\n\nNor bottles."),
    ]


@pytest.mark.parametrize(
    "title",
    ["untitled", "Microsoft Word - plan_v3.docx", "/tmp/x81.dvi", "report.indd", "\\376\\377", "Slide 1", "tmp3f9a"],
)
def test_a_title_that_a_program_chose_is_not_used(title):
    heading = lines_at(50, 780, ["Rules of the house"], size=20)
    text = lines_at(50, 740, ["No glass.", "No bottles.", "No noise."])

    assert pdf(pdf_of([f"{heading} {text}"], title=title)).title == "Rules of the house"
    assert pdf(pdf_of([text], title=title)).title == "report.pdf"


def test_two_columns_are_read_one_after_the_other():
    left, right = [f"left {n}" for n in range(5)], [f"right {n}" for n in range(5)]
    body = pdf_of([f"{lines_at(50, 780, left)} {lines_at(300, 780, right)}"])

    assert text_of(body).split() == " ".join(left + right).split()


def test_numbers_of_a_column_stay_apart_and_beside_their_rows():
    cells = [(50, 780, "Rope"), (200, 780, "12"), (300, 780, "40"), (50, 764, "Net"), (200, 764, "19"), (300, 764, "7")]
    cells += [(50, 748, "Anchor"), (200, 748, "250"), (300, 748, "2")]

    def text(ordered: list[tuple[int, int, str]]) -> str:
        return text_of(pdf_of([" ".join(lines_at(left, top, [cell]) for left, top, cell in ordered)]))

    assert text(cells).splitlines() == ["Rope 12 40", "Net 19 7", "Anchor 250 2"]
    assert text(sorted(cells, key=lambda cell: cell[0])).split() == [
        *("Rope", "Net", "Anchor", "12", "19", "250", "40", "7", "2")
    ]


def test_a_page_that_is_turned_against_its_text_is_read_in_order():
    body = pdf_of([["The first line.", "The second line."]]).replace(b"/MediaBox", b"/Rotate 90 /MediaBox")

    assert text_of(body).split("\n\n") == ["The first line.", "The second line."]


def test_words_that_only_their_distance_separates_are_two_words():
    shown = "BT /F1 10 Tf 50 700 Td (make) Tj 27 0 Td (directed) Tj ET"

    assert text_of(pdf_of([shown])) == "make directed"


def test_the_exponent_of_a_power_of_ten_is_not_one_of_its_digits():
    shown = "BT /F1 10 Tf 50 700 Td (about 3 x 10) Tj 4 Ts /F1 7 Tf (6) Tj 0 Ts /F1 10 Tf ( parts and 106 tests) Tj ET"

    assert text_of(pdf_of([shown])).split() == ["about", "3", "x", "10^6", "parts", "and", "106", "tests"]


@pytest.mark.no_cover
def test_the_time_grows_no_faster_than_the_number_of_pages():
    lines = ["A line of text that ends in a divi-", "ded word, again and again, until it ends."] * 20

    def seconds(pages: int) -> float:
        body = pdf_of([lines] * pages)
        began = time.process_time()
        pdf(body)
        return time.process_time() - began

    seconds(2)
    assert seconds(200) < 20 * max(seconds(20), 0.01)


def test_a_page_of_short_lines_keeps_its_lines():
    [only] = pdf(pdf_of([["Contents", "1 Foo", "2 Bar"]])).sections

    assert only.text == "Contents\n1 Foo\n2 Bar"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (pdf_of([[]]), "PDF without text$"),
        (pdf_of([FULL_PAGE_IMAGE]), "PDF without text: it is a scan"),
        (pdf_of([GLYPHS], fonts=FONT_WITHOUT_CHARACTERS), "PDF without readable text: its fonts do not say"),
        (b"%PDF-1.7 and nothing more", "damaged PDF"),
        (b"not a PDF", "damaged PDF"),
        (
            pdf_of([["x"]]).replace(
                b"/Info",
                b"/Encrypt << /Filter /Standard /V 1 /R 2 /O (%s) /U (%s) /P 0 >> /ID [(a) (a)] /Info"
                % (b"o" * 32, b"u" * 32),
            ),
            "encrypted PDF",
        ),
    ],
)
def test_a_pdf_without_readable_text_is_rejected_with_the_reason(body, reason):
    with pytest.raises(InvalidInput, match=reason):
        pdf(body)


def test_a_truncated_pdf_is_parsed_or_rejected():
    complete = pdf_of([["Some text."]] * 3)
    for length in range(1, len(complete), 37):
        try:
            pdf(complete[:length])
        except InvalidInput:
            continue


def test_a_damaged_page_costs_only_itself():
    body = pdf_of([["First."], ["Second."], ["Third."]]).replace(b"/Kids [4 0 R 6 0 R", b"/Kids [4 0 R 99 0 R")

    assert text_of(body) == "First.\n\nThird."
    assert warnings_of(body) == [("skipped_records", 1, "page 2")]


def test_several_threads_can_parse_concurrently():
    bodies = [pdf_of([[f"document {n} page {page}"] for page in range(5)]) for n in range(40)]

    with ThreadPoolExecutor(8) as threads:
        documents = list(threads.map(pdf, bodies))

    for n, document in enumerate(documents):
        assert document.sections[0].text == "\n\n".join(f"document {n} page {page}" for page in range(5))
