from concurrent.futures import ThreadPoolExecutor

import pytest

from rag.errors import InvalidInput
from tests.support.formats.documents import parse_document, section
from tests.support.formats.pdf_writer import pdf_of


def pdf(body: bytes):
    return parse_document(body, "application/pdf", name="report.pdf")


def test_each_page_with_text_is_a_section():
    document = pdf(pdf_of([["First."], [], ["Third."]]))

    assert document.sections == (section("First.", "page 1"), section("Third.", "page 3"))


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


def test_a_page_of_short_lines_keeps_its_lines():
    [only] = pdf(pdf_of([["Contents", "1 Foo", "2 Bar"]])).sections

    assert only.text == "Contents\n1 Foo\n2 Bar"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (pdf_of([[]]), "PDF without text: it is probably a scan"),
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


def test_several_threads_can_parse_concurrently():
    bodies = [pdf_of([[f"document {n} page {page}"] for page in range(5)]) for n in range(40)]

    with ThreadPoolExecutor(8) as threads:
        documents = list(threads.map(pdf, bodies))

    assert [document.sections[4].text for document in documents] == [f"document {n} page 4" for n in range(40)]
