"""PDF: one section for each page, its lines joined to paragraphs."""

import re
import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import pypdfium2 as pdfium
from pypdfium2.raw import FPDF_ERR_PASSWORD

from ingest.parsing.outline import Outline, OutlineBuilder
from rag.errors import InvalidInput

# PDFium keeps state for the whole process and is not safe to enter twice.
_PDFIUM: Final = threading.Lock()

# What PDFium writes for a hyphen that only divides a word at the end of a line, and how others write it.
_DIVIDED: Final = "\ufffe"
_DIVIDED_WORD: Final = re.compile(r"[\ufffe\x02](?:\r?\n)?|(?<=[a-z])-\r?\n(?=[a-z])")
_LIST_ITEM: Final = re.compile(r"[-*•‣▪]\s|\(?(?:\d{1,3}|[a-z])[.)]\s")
# On a page of short lines only, such as a table of contents, none is divided.
_NARROWEST_FULL_LINE: Final = 25
_SENTENCE_ENDS: Final = tuple(".!?:")


def parse_pdf(body: bytes) -> Outline:
    with _PDFIUM:
        document = _open(body)
        try:
            return _read(document)
        except pdfium.PdfiumError as error:
            raise InvalidInput(f"broken PDF: {error}") from error
        finally:
            document.close()


def _open(body: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(body)
    except pdfium.PdfiumError as error:
        if error.err_code == FPDF_ERR_PASSWORD:
            raise InvalidInput("encrypted PDF: it opens with a password only") from error
        raise InvalidInput("broken PDF: it cannot be opened") from error


def _read(document: pdfium.PdfDocument) -> Outline:
    builder = OutlineBuilder()
    for number in range(1, len(document) + 1):
        text = _paragraphs(_text_of_page(document, number - 1))
        if text:
            # Below level 1, which would be the title.
            builder.add_heading(2, f"page {number}")
            builder.add_block(text)
    outline = builder.build(title=document.get_metadata_value("Title"))
    if not outline.sections:
        raise InvalidInput("PDF without text: a scan, which needs text recognition first")
    return outline


def _text_of_page(document: pdfium.PdfDocument, index: int) -> str:
    page = document[index]
    try:
        return str(page.get_textpage().get_text_range())
    finally:
        page.close()


def _paragraphs(text: str) -> str:
    """Joins the lines that the width of the page has divided: a line well short of it ends by itself."""
    lines = [line.strip() for line in _DIVIDED_WORD.sub(f"{_DIVIDED}\n", text).splitlines()]
    full = max(_NARROWEST_FULL_LINE, 0.75 * _width_of(lines))
    pieces: list[str] = []
    for line, following in pairwise([*lines, ""]):
        pieces += [line.rstrip(_DIVIDED), _gap(line, following, full)]
    return "".join(pieces).strip()


def _width_of(lines: Sequence[str]) -> int:
    # Not the widest: what runs across columns is no measure for them.
    lengths = sorted(map(len, lines))
    return lengths[len(lengths) * 9 // 10] if lengths else 0


def _gap(line: str, following: str, full: float) -> str:
    if line.endswith(_DIVIDED):
        return ""
    if len(line) < full:
        return "\n\n" if line.endswith(_SENTENCE_ENDS) else "\n"
    return "\n" if _LIST_ITEM.match(following) else " "
