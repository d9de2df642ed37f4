import codecs
import os
from typing import cast

import pytest

from ingest.parsing import factory
from ingest.parsing.outline import OutlineBuilder
from rag.errors import InvalidInput
from rag.formats import MediaType, media_type_of
from tests.support.formats.documents import parse_document
from tests.support.formats.office_writer import docx_of, paragraph, xlsx_of

FRENCH = "Le garçon préfère la crème brûlée et les œufs à la coque, où qu'il déjeune cet été. " * 5
MEDIA_TYPES: list[MediaType] = ["text/plain", "text/markdown", "text/html", "application/pdf"]


def plain(body: str | bytes) -> str:
    [only] = parse_document(body, "text/plain", name="a.txt").sections
    return only.text


def test_paragraphs_are_kept_and_extra_blank_space_is_removed():
    assert plain("\n\nOne\r\n\r\n\r\n\r\nTwo  \rthree\n\n") == "One\n\nTwo\nthree"


@pytest.mark.parametrize(
    "body",
    [
        codecs.BOM_UTF8 + FRENCH.encode(),
        codecs.BOM_UTF16_LE + FRENCH.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + FRENCH.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + FRENCH.encode("utf-32-le"),
        FRENCH.encode(),
        FRENCH.encode("cp1252"),
    ],
)
def test_the_encoding_is_detected(body):
    assert plain(body) == FRENCH.strip()


def test_an_invalid_byte_in_utf_8_becomes_one_replacement_character():
    body = FRENCH.encode()

    assert plain(b"\xff" + body) == "\ufffd" + FRENCH.strip()


def test_invisible_characters_are_dropped_and_the_others_are_composed():
    tag = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore")

    assert plain(f"cafe\u0301\u200b \u202ecr\u00e8me\u00a0br\u00fbl\u00e9e\u0007\ufeff{tag}") == "café crème brûlée"


def test_zero_width_joiners_are_kept():
    assert plain("نمی\u200cبرم 👩\u200d🚀") == "نمی\u200cبرم 👩\u200d🚀"


def test_thousands_of_accents_on_one_letter_are_dropped_quickly():
    assert plain("a" + "\u0301\u0316" * 300_000 + "b") == "ab"


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
@pytest.mark.parametrize("body", [b"", b" \n\t \n"])
def test_a_file_of_white_space_is_empty_in_every_format(body, media_type):
    assert parse_document(body, media_type).sections == ()


@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown", "text/html", "text/csv"])
@pytest.mark.parametrize("body", [codecs.BOM_UTF8, "\u200b\u200b".encode()])
def test_a_file_of_invisible_characters_is_empty(body, media_type):
    assert parse_document(body, media_type).sections == ()


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"---\ntitle: Draft\n---\n", "text/markdown"),
        (b"<!-- nothing -->", "text/markdown"),
        (b"{}", "application/json"),
        (b",,\n,,\n", "text/csv"),
        (b"\n,,\n", "text/csv"),
        (docx_of(paragraph("")), media_type_of("a.docx")),
        (xlsx_of({"A": []}), media_type_of("a.xlsx")),
        (b"<html><head><title>T</title></head><body></body></html>", "text/html"),
    ],
)
def test_a_document_that_has_no_text_by_nature_is_empty(body, media_type):
    assert parse_document(body, media_type).sections == ()


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"![](scan.png)", "text/markdown"),
        (b'<body><img src="scan.png"></body>', "text/html"),
        (docx_of(paragraph(""), **{"word/media/image1.png": "picture"}), media_type_of("a.docx")),
        (xlsx_of({"A": []}, **{"xl/charts/chart1.xml": "<chart/>"}), media_type_of("a.xlsx")),
    ],
)
def test_a_document_that_shows_something_else_than_text_is_rejected(body, media_type):
    with pytest.raises(InvalidInput, match=r"no text: (it|Embedded)"):
        parse_document(body, media_type)


def test_a_document_whose_only_text_is_lost_is_rejected_with_the_reason(monkeypatch):
    builder = OutlineBuilder()
    builder.warn("page_without_text", count=3, place="pages 1 to 3")
    monkeypatch.setitem(cast(dict[str, object], factory.PARSERS), "text/plain", lambda _: builder.build())
    with pytest.raises(InvalidInput, match=r"no text: Pages contain only an image.*\(3 times; pages 1 to 3\)"):
        parse_document(b"scan", "text/plain")


@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown", "text/html"])
@pytest.mark.parametrize("body", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", bytes(range(1, 32)) * 9, b"PK\x03\x04\x14\0\x06\0"])
def test_binary_data_with_a_text_media_type_is_rejected(body, media_type):
    with pytest.raises(InvalidInput, match="binary data"):
        parse_document(body, media_type)


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_random_bytes_are_parsed_or_rejected(media_type):
    for length in (1, 2, 3, 10, 100, 10_000):
        try:
            parse_document(os.urandom(length), media_type)
        except InvalidInput as error:
            assert "\n" not in str(error)


def test_a_document_has_the_given_version():
    assert parse_document("text", "text/plain").version == "v1"


def test_commands_of_terminals_and_overstrikes_are_removed():
    coloured = (
        "\x1b]0;title\x07\x1b[1;31mE4711\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ N\bNA\bA _\bx ^[[32mOK^[[0m"
    )

    assert plain(coloured) == "E4711 link NA x OK"
    assert plain("^[[:alpha:]]") == "^[[:alpha:]]"


def test_the_paragraphs_of_plain_text_have_their_lines():
    [only] = parse_document("a\nb\n\n\nc\r\n\r\nd", "text/plain").sections

    assert [(only.text[offset], place.line) for offset, place in only.places] == [("a", 1), ("c", 5), ("d", 7)]
