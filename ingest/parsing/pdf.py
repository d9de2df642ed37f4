"""Parse PDF into one section per page, with lines joined to paragraphs."""

import re
import threading
from itertools import pairwise
from typing import Final

import pypdfium2 as pdfium
from pypdfium2.raw import FPDF_ERR_PASSWORD

from ingest.parsing.outline import Outline, OutlineBuilder
from rag.errors import InvalidInput

# PDFium has process-wide state and is not thread-safe.
_PDFIUM: Final = threading.Lock()

# PDFium writes U+FFFE for a hyphen that divides a word at the end of a line. Some PDFs contain a real hyphen instead.
_HYPHEN: Final = "\ufffe"
_HYPHENATED: Final = re.compile(r"[\ufffe\x02](?:\r?\n)?|(?<=[a-z])-\r?\n(?=[a-z])")
_LIST_ITEM: Final = re.compile(r"[-*•‣▪]\s|\(?(?:\d{1,3}|[a-z])[.)]\s")
# Below this width a page has only short lines, as in a table of contents, and no line continues in the next.
_NARROWEST_FULL_LINE: Final = 25
_SENTENCE_ENDS: Final = tuple(".!?:")


def parse_pdf(body: bytes) -> Outline:
    with _PDFIUM:
        document = _open(body)
        try:
            return _read(document)
        except pdfium.PdfiumError as error:
            raise InvalidInput(f"damaged PDF: {error}") from error
        finally:
            document.close()


def _open(body: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(body)
    except pdfium.PdfiumError as error:
        if error.err_code == FPDF_ERR_PASSWORD:
            raise InvalidInput("encrypted PDF: remove the password and ingest it again") from error
        raise InvalidInput("damaged PDF: the file is truncated or corrupted") from error


def _read(document: pdfium.PdfDocument) -> Outline:
    builder = OutlineBuilder()
    for number in range(1, len(document) + 1):
        page = document[number - 1]
        text = _paragraphs(page.get_textpage().get_text_range())
        page.close()
        if text:
            # A heading of level 1 would become the title.
            builder.add_heading(2, f"page {number}")
            builder.add_block(text)
    outline = builder.build(title=document.get_metadata_value("Title"))
    if not outline.sections:
        raise InvalidInput("PDF without text: it is probably a scan; run text recognition (OCR) on it first")
    return outline


def _paragraphs(text: str) -> str:
    """Join wrapped lines: a line of at least 75 % of the page's width continues in the next line."""
    lines = [line.strip() for line in _HYPHENATED.sub(f"{_HYPHEN}\n", text).splitlines()]
    # The 90th percentile instead of the maximum: a heading across two columns is wider than each column.
    lengths = sorted(map(len, lines))
    full = max(_NARROWEST_FULL_LINE, 0.75 * lengths[len(lengths) * 9 // 10]) if lengths else 0
    pieces: list[str] = []
    for line, following in pairwise([*lines, ""]):
        pieces += [line.rstrip(_HYPHEN), _gap(line, following, full)]
    return "".join(pieces).strip()


def _gap(line: str, following: str, full: float) -> str:
    if line.endswith(_HYPHEN):
        return ""
    if len(line) < full:
        return "\n\n" if line.endswith(_SENTENCE_ENDS) else "\n"
    return "\n" if _LIST_ITEM.match(following) else " "
