"""Parse PDF: the text of its pages in paragraphs, its annotations, and warnings about content that cannot be read."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from ingest.parsing.outline import Outline, OutlineBuilder, WithoutText
from ingest.parsing.pdf.annotations import Surroundings, attachments_of, blocks_of, open_form
from ingest.parsing.pdf.bookmarks import bookmarks_of, split_at_headings
from ingest.parsing.pdf.lines import full_width, join_divided_words, to_paragraphs
from ingest.parsing.pdf.text import PageText, open_textpage, read_text
from ingest.parsing.pdf.title import title_of
from rag.errors import InvalidInput
from rag.types import Place

# PDFium has process-wide state and is not thread-safe.
_PDFIUM = threading.Lock()

# A few kilobytes can declare millions of pages that show the same text.
_MAX_PAGES = 20_000
_MAX_CHARACTERS = 40_000_000
# Overlooked spaces are the habit of a program: if the first pages have none, no page has.
_PROBED_PAGES = 3
_NAMED_ATTACHMENTS = 20
_XFA = "The form is made with XFA, whose pages are not read: print it to a new PDF"
_OCR = "run text recognition (OCR) on"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    number: int
    content: PageText
    blocks: tuple[str, ...]
    """Form values, comments and links."""


@dataclass(slots=True, kw_only=True)
class _Reading:
    """Findings that are collected while the pages are read."""

    pages: list[_Page] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    beside: Surroundings = field(default_factory=Surroundings)
    title: str = ""
    unread: int = 0
    """Pages beyond a limit."""


def parse_pdf(body: bytes) -> Outline:
    with _PDFIUM:
        document = _open(body)
        try:
            return _parse(document)
        except pdfium.PdfiumError as error:
            raise InvalidInput(f"damaged PDF: {error}") from error
        finally:
            document.close()


def _open(body: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(body)
    except pdfium.PdfiumError as error:
        match error.err_code:
            case raw.FPDF_ERR_PASSWORD:
                raise InvalidInput("encrypted PDF: remove the password and ingest it again") from error
            case raw.FPDF_ERR_SECURITY:
                raise InvalidInput("encrypted PDF: its kind of encryption is not supported") from error
            case _:
                raise InvalidInput("damaged PDF: the file is truncated or corrupted") from error


def _parse(document: pdfium.PdfDocument) -> Outline:
    with open_form(document) as form:
        reading = _read_pages(document, form)
    builder = OutlineBuilder()
    _add_text(builder, reading.pages, document)
    reading.beside.attachments += attachments_of(document)
    is_xfa = document.get_formtype() == raw.FORMTYPE_XFA_FULL
    _warn(builder, reading)
    if is_xfa:
        builder.warn("dropped_object", f"{_XFA}.")
    outline = builder.build(title=reading.title)
    if not outline.sections:
        reason = _XFA if is_xfa else _reason_without_text(reading)
        is_image = any(page.content.is_scan or page.content.is_unreadable for page in reading.pages)
        if is_image and not is_xfa:
            raise WithoutText(f"{reason}, or set RAG_PARSER_SERVICE__URL")
        raise InvalidInput(reason)
    return outline


def _read_pages(document: pdfium.PdfDocument, form: Any) -> _Reading:
    reading = _Reading()
    characters = 0
    looks_for_spaces = True
    for index in range(len(document)):
        if index == _MAX_PAGES or characters > _MAX_CHARACTERS:
            reading.unread = len(document) - index
            break
        try:
            page = _read_page(document, form, index, reading, separate_words=looks_for_spaces)
        except pdfium.PdfiumError:
            reading.damaged.append(index + 1)
            continue
        reading.pages.append(page)
        characters += len(page.content.text) + sum(map(len, page.blocks))
        if index + 1 == _PROBED_PAGES:
            looks_for_spaces = any(known.content.has_missing_spaces for known in reading.pages)
    return reading


def _read_page(
    document: pdfium.PdfDocument, form: Any, index: int, reading: _Reading, *, separate_words: bool
) -> _Page:
    page = document[index]
    try:
        textpage = open_textpage(page)
        content = read_text(page, textpage, separate_words=separate_words)
        blocks = blocks_of(page, textpage, form, content.text, reading.beside)
        known = _Page(number=index + 1, content=content, blocks=tuple(blocks))
        if index == 0:
            reading.title = title_of(document, textpage if content.text else None)
        return known
    finally:
        page.close()


def _add_text(builder: OutlineBuilder, pages: Sequence[_Page], document: pdfium.PdfDocument) -> None:
    bookmarks = bookmarks_of(document)
    texts = join_divided_words(page.content.text for page in pages)
    for page, text in zip(pages, texts, strict=True):
        place = Place(page=page.number)
        width = full_width(text)
        for level, heading, part in split_at_headings(text, bookmarks.get(page.number - 1, ())):
            if heading:
                # A heading of level 1 would become the title.
                builder.add_heading(level + 2, heading)
            builder.add_block(to_paragraphs(part, width), place)
        for block in page.blocks:
            builder.add_block(block, place)


def _warn(builder: OutlineBuilder, reading: _Reading) -> None:
    scans = [page.number for page in reading.pages if page.content.is_scan and not _has_words(page)]
    partly = [page.number for page in reading.pages if page.content.is_scan and _has_words(page)]
    unreadable = [page.number for page in reading.pages if page.content.is_unreadable]
    if scans:
        message = f"{_pages(len(scans))} without text (scanned): {_OCR} {_them(scans)}."
        builder.warn("page_without_text", message, count=len(scans), place=_place(scans))
    if partly:
        message = f"{_pages(len(partly))} with an image that covers most of it and little text: {_OCR} {_them(partly)}."
        builder.warn("page_without_text", message, count=len(partly), place=_place(partly))
    if unreadable:
        message = "A font does not say which characters its glyphs are, so text is missing or wrong."
        builder.warn("unreadable_font", message, count=len(unreadable), place=_place(unreadable))
    if reading.damaged:
        message = "Damaged pages were left out."
        builder.warn("skipped_records", message, count=len(reading.damaged), place=_place(reading.damaged))
    if reading.unread:
        builder.warn("cut_text", f"The last {reading.unread:,} pages were left out.", count=reading.unread)
    if names := list(dict.fromkeys(reading.beside.attachments)):
        more = ", …" if len(names) > _NAMED_ATTACHMENTS else ""
        message = f"Attached files are not read: {', '.join(names[:_NAMED_ATTACHMENTS])}{more}."
        builder.warn("dropped_object", message, count=len(names))


def _has_words(page: _Page) -> bool:
    return any(character.isalnum() for character in page.content.text)


def _reason_without_text(reading: _Reading) -> str:
    if any(page.content.is_unreadable for page in reading.pages):
        return f"PDF without readable text: its fonts do not say which characters their glyphs are; {_OCR} it first"
    if any(page.content.is_scan for page in reading.pages):
        return f"PDF without text: it is a scan; {_OCR} it first"
    if reading.damaged:
        return "damaged PDF: none of its pages with text could be read"
    if reading.beside.attachments:
        return "PDF without text: it only contains attached files; ingest these files themselves"
    return "PDF without text"


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count:,} pages"


def _them(numbers: Sequence[int]) -> str:
    return "it" if len(numbers) == 1 else "them"


def _place(numbers: Sequence[int]) -> str:
    """Return "page 3" or "pages 2 to 5, 9"."""
    return f"{'page' if len(numbers) == 1 else 'pages'} {', '.join(_ranges(numbers))}"


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    first = last = numbers[0]
    for number in [*numbers[1:], 0]:
        if number != last + 1:
            yield str(first) if first == last else f"{first} to {last}"
            first = number
        last = number
