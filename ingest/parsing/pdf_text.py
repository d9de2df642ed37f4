"""Read the text of one PDF page, and find what is wrong with it."""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import pypdfium2 as pdfium
from pypdfium2 import raw

# Only pages with less text are searched for images: a page with more is not a scan.
_LITTLE_TEXT: Final = 200
# A scanned page is one image over the page; smaller ones are illustrations beside the text.
_SCAN_SHARE: Final = 0.7
# A page of more objects is a drawing. The bound keeps the time for hostile pages short.
_MAX_OBJECTS: Final = 5_000
_FORM_DEPTH: Final = 3

_PROBED_CHARACTERS: Final = 300
# A few symbols without a Unicode value, such as bullets, are not lost text.
_UNREADABLE_SHARE: Final = 0.02
_GARBLED_SHARE: Final = 0.5
_WORD: Final = re.compile(r"\b[a-zA-Z]{4,}\b")
_WITHOUT_VOWEL: Final = re.compile(r"\b[b-df-hj-np-tv-xzB-DF-HJ-NP-TV-XZ]{4,}\b")
_ENOUGH_WORDS: Final = 25
# English text has 1 % of such words, text in a shifted alphabet 30 % and more.
_GARBLED_WORDS: Final = 0.25
_PRIVATE_RUN: Final = re.compile(r"[\ue000-\uf8ff\ufffd]{3,}")

# A word space has about 25 % of the font size, a letter-spaced heading less between all its letters.
_WORD_GAP: Final = 0.2
_LETTER_GAP: Final = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """The text of a page with PDFium's line ends, and its defects."""

    text: str
    is_scan: bool = False
    """True if the page is an image with little or no text."""
    is_unreadable: bool = False
    """True if a font of the page does not say which characters its glyphs are."""
    has_missing_spaces: bool = False
    """True if words had to be separated. The next pages then need it too."""


def read_text(page: pdfium.PdfPage, textpage: pdfium.PdfTextPage, *, separate_words: bool) -> PageText:
    """Return the text of the page. `separate_words` looks for spaces that PDFium overlooks, which takes time."""
    text = textpage.get_text_range()
    separated = _with_spaces(textpage, text) if separate_words and text else text
    kinds = list(_objects(page)) if len(text) < _LITTLE_TEXT else []
    has_letters = any(character.isalnum() for character in text)
    images = sum(area for kind, area in kinds if kind == raw.FPDF_PAGEOBJ_IMAGE)
    covers_page = images >= _SCAN_SHARE * page.get_width() * page.get_height()
    is_scan = (images > 0 and not has_letters) or (covers_page and not _has_recognised_text(page))
    share = _unreadable_share(textpage, text)
    if share > _GARBLED_SHARE:
        separated = ""
    has_glyphs = any(kind == raw.FPDF_PAGEOBJ_TEXT for kind, _ in kinds)
    return PageText(
        text=separated,
        is_scan=is_scan,
        is_unreadable=share > _UNREADABLE_SHARE or (not text and has_glyphs and not is_scan),
        has_missing_spaces=separated != text,
    )


def _objects(page: pdfium.PdfPage) -> Iterator[tuple[int, float]]:
    """Return the kind and the area of the objects of the page."""
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    for thing in islice(page.get_objects(max_depth=_FORM_DEPTH), _MAX_OBJECTS):
        if raw.FPDFPageObj_GetBounds(thing, left, bottom, right, top):
            yield thing.type, abs((right.value - left.value) * (top.value - bottom.value))


def _has_recognised_text(page: pdfium.PdfPage) -> bool:
    """Return whether the page has invisible text, which text recognition lays over the image of a scan."""
    return any(
        raw.FPDFTextObj_GetTextRenderMode(thing) == raw.FPDF_TEXTRENDERMODE_INVISIBLE
        for thing in islice(page.get_objects([raw.FPDF_PAGEOBJ_TEXT], max_depth=_FORM_DEPTH), _MAX_OBJECTS)
    )


def _unreadable_share(textpage: pdfium.PdfTextPage, text: str) -> float:
    """Return the share of characters whose glyph has no known character; 1.0 for text in a wrong alphabet."""
    count = textpage.count_chars()
    if not count:
        return 0.0
    step = max(1, count // _PROBED_CHARACTERS)
    if any(raw.FPDFText_HasUnicodeMapError(textpage, index) == 1 for index in range(0, count, step)):
        faults = sum(raw.FPDFText_HasUnicodeMapError(textpage, index) == 1 for index in range(count))
    else:
        faults = sum(len(run) for run in _PRIVATE_RUN.findall(text))
    words = len(_WORD.findall(text))
    if words >= _ENOUGH_WORDS and len(_WITHOUT_VOWEL.findall(text.replace("y", "a"))) > _GARBLED_WORDS * words:
        return 1.0
    return float(faults / count)


def _with_spaces(textpage: pdfium.PdfTextPage, text: str) -> str:
    """Insert a space where two letters of a line are as far from each other as words."""
    if textpage.count_chars() != len(text):
        return text  # The offsets of text and characters differ.
    box = raw.FS_RECTF()
    get_box = raw.FPDFText_GetLooseCharBox
    pieces: list[str] = []
    begin, right, bottom, gap_before = 0, 0.0, 0.0, 0.0
    for index, character in enumerate(text):
        if not get_box(textpage, index, box):
            continue
        height = box.top - box.bottom
        gap = box.left - right
        is_gap = _WORD_GAP * height < gap < height and box.bottom == bottom and gap_before < _LETTER_GAP * height
        if is_gap and character.isalnum() and text[index - 1].isalnum():
            pieces += [text[begin:index], " "]
            begin = index
        right, bottom, gap_before = box.right, box.bottom, gap
    return "".join([*pieces, text[begin:]])
