import time

import pytest

from rag.errors import InvalidInput
from rag.types import Document
from tests.support.formats.documents import parse_document, section


def xml(text: str | bytes) -> Document:
    return parse_document(text, "application/xml", name="a.xml")


def test_docbook_has_headings_paragraphs_footnotes_lists_code_and_tables():
    document = xml(
        '<!DOCTYPE book PUBLIC "-//OASIS//DTD DocBook XML V4.5//EN" "http://x.example/docbookx.dtd">'
        "<book><title>The book</title><chapter><info><title>One <emphasis>two</emphasis></title></info>"
        "<para><emphasis>Note</emphasis> that 10<superscript>6</superscript><footnote><para>About.</para></footnote> is"
        " big&mdash;&company;.</para><orderedlist><listitem><para>First</para></listitem><listitem><para>Second</para>"
        "</listitem></orderedlist><section><title>Deep</title><programlisting>a = 1\n  b</programlisting>"
        "<table><title>Prices</title><tgroup cols='2'><thead><row><entry>Name</entry><entry>Price</entry></row></thead>"
        "<tbody>"
        "<row><entry morerows='1'>Rope</entry><entry>12</entry></row><row><entry>13</entry></row></tbody></tgroup>"
        "</table></section></chapter></book>"
    )

    assert document.title == "The book"
    assert document.sections == (
        section(
            "Note that 10^6 [footnote 1] is big—&company;.\n\n[footnote 1] About.\n\n1. First\n\n2. Second",
            *("The book", "One two"),
        ),
        section(
            "```\na = 1\n  b\n```\n\nPrices\n\nName: Rope | Price: 12\n\nName: Rope | Price: 13",
            *("The book", "One two", "Deep"),
        ),
    )


def test_tei_has_its_title_and_its_divisions():
    document = xml(
        '<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title>Letters</title></titleStmt>'
        "</fileDesc></teiHeader><text><body><div><head>First letter</head><p>Dear <persName>Ann</persName>, hello.</p>"
        "</div></body></text></TEI>"
    )

    assert document.title == "Letters"
    assert section("Dear Ann, hello.", "First letter") in document.sections


def test_a_feed_has_a_section_per_article_with_its_html_as_text():
    document = xml(
        "<rss><channel><title>News</title><link>https://a.example</link><item><title>Rain</title>"
        "<description>&lt;p&gt;It &lt;b&gt;rains&lt;/b&gt;.&lt;/p&gt;</description><pubDate>Mon</pubDate></item>"
        "</channel></rss>"
    )

    assert document.title == "News"
    assert document.sections == (section("link: https://a.example"), section("pubDate: Mon\n\nIt rains.", "Rain"))


def test_atom_entries_may_have_xhtml_and_an_address_as_attribute():
    document = xml(
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry><title>Rain</title>'
        '<link href="https://a.example"/><content type="xhtml"><div><p>It <b>rains</b>.</p></div></content>'
        "</entry></feed>"
    )

    assert document.sections == (section("link.href: https://a.example\n\nIt rains.", "Rain"),)


def test_the_values_of_data_have_the_path_of_their_elements():
    document = xml(
        '<catalog><book id="1"><title>A</title><price currency="EUR">12.50</price></book>'
        '<book id="2"><title>B</title><price currency="USD">13</price></book></catalog>'
    )

    assert document.sections == (
        section(
            "book.id: 1\nbook.title: A\nbook.price: 12.50\nbook.price.currency: EUR\n\n"
            "book.id: 2\nbook.title: B\nbook.price: 13\nbook.price.currency: USD"
        ),
    )


def test_an_xhtml_page_is_read_as_html_even_with_empty_elements_and_character_data():
    document = xml(
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="a"/></head><body><h1>One</h1>'
        '<p>A <a id="x"/>b</p><p><![CDATA[1 < 2]]></p></body></html>'
    )

    assert document.sections == (section("A b\n\n1 < 2", "One"),)


@pytest.mark.parametrize(
    "body",
    [
        '<?xml version="1.0" encoding="windows-1250"?><a>Łódź žluťoučký</a>'.encode("cp1250"),
        '<?xml version="1.0" encoding="UTF-16"?><a>Łódź žluťoučký</a>'.encode("utf-16"),
        '<?xml version="1.0" encoding="Shift_JIS"?><a>日本語</a>'.encode("shift_jis"),
    ],
)
def test_the_declared_encoding_holds(body):
    assert xml(body).sections[0].text in {"a: Łódź žluťoučký", "a: 日本語"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><a>&c;</a>', "declares entities"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "declares entities"),
        ('<svg xmlns="http://www.w3.org/2000/svg"><text>x</text></svg>', "SVG drawing"),
        ("<a><b></a>", "line 1, column 9: mismatched tag"),
    ],
)
def test_hostile_and_damaged_xml_is_rejected_with_a_reason(text, reason):
    with pytest.raises(InvalidInput, match=reason):
        xml(text)


@pytest.mark.no_cover
@pytest.mark.parametrize("pair", [("<a>", "</a>"), ("<p>x", "</p>"), ("<section><title>t</title>", "</section>")])
def test_deep_nesting_is_read_or_rejected_in_a_bounded_time(pair):
    began = time.process_time()
    try:
        xml("<r>" + pair[0] * 50_000 + "x" + pair[1] * 50_000 + "</r>")
    except InvalidInput as error:
        assert "nested" in str(error)
    assert time.process_time() - began < 60


def test_a_huge_span_of_a_cell_is_not_an_error():
    cell = f'<entry morerows="{"9" * 5_000}">a</entry><entry namest="c1" nameend="c{"9" * 5_000}">b</entry>'
    document = xml(f"<doc><p>x</p><table><row>{cell}</row></table></doc>")

    assert "a" in document.sections[-1].text
