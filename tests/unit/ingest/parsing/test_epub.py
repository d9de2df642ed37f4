from io import BytesIO
from zipfile import ZipFile

import pytest

from ingest.parsing.epub import parse_epub
from rag.errors import InvalidInput
from tests.support.formats.book_writer import epub_of
from tests.support.formats.documents import section


def test_chapters_are_read_in_the_order_of_the_book_with_a_label_where_they_have_no_heading():
    outline = parse_epub(
        epub_of({"one.xhtml": "<h1>One</h1><p/><p>First<br/>line</p>", "two.xhtml": "<p>Second</p>"}, title="The book")
    )

    assert outline.title == "The book"
    assert outline.sections == (section("First\nline", "One"), section("Second", "Chapter 2"))
    assert outline.warnings == ()


def test_a_protected_book_is_rejected_and_obfuscated_fonts_do_not_matter():
    def encryption(uri: str) -> dict[str, str]:
        return {"META-INF/encryption.xml": f'<encryption><CipherReference URI="{uri}"/></encryption>'}

    assert parse_epub(epub_of({"one.xhtml": "<p>Text</p>"}, parts=encryption("OEBPS/font.otf"))).sections
    with pytest.raises(InvalidInput, match="digital rights management"):
        parse_epub(epub_of({"one.xhtml": "<p>Text</p>"}, parts=encryption("OEBPS/one.xhtml")))


def test_a_missing_chapter_is_reported():
    written = BytesIO()
    whole = ZipFile(BytesIO(epub_of({"one.xhtml": "<p>One</p>", "two.xhtml": "<p>Two</p>"})))
    with ZipFile(written, "w") as partial:
        for name in whole.namelist():
            if "two" not in name:
                partial.writestr(name, whole.read(name))
    [warning] = parse_epub(written.getvalue()).warnings

    assert (warning.code, warning.place) == ("dropped_object", "OEBPS/two.xhtml")


def test_replaced_bytes_of_a_chapter_are_told_with_its_name():
    whole = ZipFile(BytesIO(epub_of({"one.xhtml": f"<p>{'Кот и мышь спят. ' * 99}Ель</p>", "two.xhtml": "<p>Two</p>"})))
    written = BytesIO()
    with ZipFile(written, "w") as damaged:
        for name in whole.namelist():
            content = whole.read(name)
            damaged.writestr(
                name, content.replace("Ель".encode(), b"\xd0" + "ль".encode()) if "one" in name else content
            )
    [warning] = parse_epub(written.getvalue()).warnings

    assert (warning.code, warning.count, warning.place) == ("replaced_characters", 1, "OEBPS/one.xhtml")


def test_a_bomb_is_rejected():
    with pytest.raises(InvalidInput, match="ZIP bomb"):
        parse_epub(epub_of({"one.xhtml": "a" * 30_000_000}))
    with pytest.raises(InvalidInput, match="declares entities"):
        parse_epub(epub_of({}, parts={"META-INF/encryption.xml": '<!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>'}))
