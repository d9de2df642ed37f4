"""A small, valid document of each media type."""

from email.message import EmailMessage

from tests.support.formats.book_writer import epub_of
from tests.support.formats.office_writer import docx_of, paragraph, pptx_of, shape, slide_table, word_table, xlsx_of
from tests.support.formats.opendocument_writer import open_table, opendocument_of
from tests.support.formats.pdf_writer import pdf_of

_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"


def _message() -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Title", "ada@example.org", "alan@example.org"
    message.set_content("Some words. Une phrase à part.")
    message.add_alternative("<p>Some <b>words</b>.</p>", subtype="html")
    message.add_attachment(b"Name,Born\nAda,1815\n", maintype="text", subtype="csv", filename="people.csv")
    return bytes(message)


SAMPLES: dict[str, bytes] = {
    "text/markdown": b"# Title\n\nText with *emphasis*.\n\n- one\n\n| a | b |\n| - | - |\n| 1 | 2 |\n```sh\nls\n```\n",
    "text/plain": "Some words. Une phrase à part.\n".encode(),
    "text/html": b"<html><body><h1>Title</h1><p>Text</p><table><tr><td>1<td>2</table></body></html>",
    "text/x-rst": b"Title\n=====\n\nText with ``code`` and :func:`f`.\n\n.. note:: Careful.\n\nAs::\n\n    x = 1\n",
    "text/csv": b'Name,Born\nAda,1815\n"Alan, M.",1912\n',
    "text/x-code": b"import a\n\n# Adds.\ndef add(a, b):\n    return a + b\n\nclass C:\n    x = 1\n",
    "application/json": b'{"title": "T", "a": {"b": [1, 2.5, {"c": null}]}, "d": ["x", "y"]}',
    "application/x-ndjson": b'{"a": 1}\n{"a": [2, {"b": "c"}]}\n',
    "application/x-ipynb+json": (
        b'{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "markdown", "source": ["# Title\\n", "Text"]},'
        b'{"cell_type": "code", "source": "1 + 1", "outputs": [{"output_type": "stream", "text": "2"}]}]}'
    ),
    "application/xml": b'<?xml version="1.0"?><list kind="a"><person><name>Ada</name></person><b/></list>',
    "application/rtf": (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}}{\info{\title Title}}\pard Text \'e9 \u8364?\par"
        rb"\trowd\cellx100\cellx200\intbl a\cell b\cell\row\trowd\cellx100\cellx200\intbl 1\cell 2\cell\row"
        rb"\pard End\par}"
    ),
    "application/epub+zip": epub_of(
        {"one.xhtml": "<h1>One</h1><p>Text<br/></p>", "two.xhtml": "<p>More</p>"}, title="T"
    ),
    "message/rfc822": _message(),
    f"{_OPEN}.text": opendocument_of(
        '<text:h text:outline-level="1">Title</text:h><text:p>Text</text:p>' + open_table([["a", "b"], ["1", "2"]])
    ),
    f"{_OPEN}.spreadsheet": opendocument_of(open_table([["Name", "Born"], ["Ada", "1815"]]), kind="spreadsheet"),
    f"{_OPEN}.presentation": opendocument_of(
        "<draw:page><draw:frame><draw:text-box><text:p>Text</text:p></draw:text-box></draw:frame></draw:page>",
        kind="presentation",
    ),
    "application/pdf": pdf_of([["Some words on a page.", "And more."], ["Second."]], title="Title"),
    f"{_OFFICE}.wordprocessingml.document": docx_of(
        paragraph("Title", style="Title") + paragraph("Item", is_item=True) + word_table([["a", "b"], ["1", "2"]])
    ),
    f"{_OFFICE}.presentationml.presentation": pptx_of(
        [shape("Title", kind="title") + slide_table([["a", "b"]]), shape("Text")], notes={1: "Notes"}
    ),
    f"{_OFFICE}.spreadsheetml.sheet": xlsx_of({"Sheet": [["Name", "Born"], ["Ada", 1815]]}),
}
