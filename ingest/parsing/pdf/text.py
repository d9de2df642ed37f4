"""Read the text of one PDF page, and find what is wrong with it."""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pypdfium2 as pdfium
from pypdfium2 import raw

from ingest.parsing.pdf.geometry import correct

# Only pages with less text are searched for images: a page with more is not a scan.
_LITTLE_TEXT = 200
# A scanned page is one image over the page; smaller ones are illustrations beside the text.
_SCAN_SHARE = 0.7
# A page of more objects is a drawing. The bound keeps the time for hostile pages short.
_MAX_OBJECTS = 5_000
_FORM_DEPTH = 3

# Looking at each character would double the time of a page.
_PROBED_CHARACTERS = 100
_COUNTED_CHARACTERS = 1_000
# A few symbols without a Unicode value, such as bullets, are not lost text.
_UNREADABLE_SHARE = 0.02
_GARBLED_SHARE = 0.5
_WORD = re.compile(r"\b[a-zA-Z]{4,}\b")
_VOWEL = re.compile(r"[aeiouyAEIOUY]")
_ENOUGH_WORDS = 20
# English text has 1 % of such words, text in a shifted alphabet 30 % and more.
_GARBLED_WORDS = 0.25
# The signs of lists in Symbol and Wingdings, which word processors use.
_SYMBOLS = {0xF0B7: "•", 0xF0A7: "▪", 0xF0D8: "‣", 0xF0FC: "✓", 0xF0E0: "→", 0xF0A8: "▫", 0xF06F: "▫"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_COMMON_LETTERS = frozenset("etaoinsr")
_ENOUGH_LETTERS = 20
_PRIVATE_RUN = re.compile(r"[\ue000-\uf8ff\ufffd]{3,}")


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
    text = textpage.get_text_range().translate(_SYMBOLS)
    corrected, has_missing_spaces = correct(textpage, text, separate_words=separate_words)
    kinds = list(_objects(page)) if len(text) < _LITTLE_TEXT else []
    has_letters = any(character.isalnum() for character in text)
    images: float = sum(area for kind, area in kinds if kind == raw.FPDF_PAGEOBJ_IMAGE)
    covers_page = images >= _SCAN_SHARE * page.get_width() * page.get_height()
    is_scan = (images > 0 and not has_letters) or (covers_page and not _has_recognised_text(page))
    share = _unreadable_share(textpage, text)
    has_glyphs = any(kind == raw.FPDF_PAGEOBJ_TEXT for kind, _ in kinds)
    return PageText(
        text="" if share > _GARBLED_SHARE else corrected,
        is_scan=is_scan,
        is_unreadable=share > _UNREADABLE_SHARE or (not text and has_glyphs and not is_scan),
        has_missing_spaces=has_missing_spaces,
    )


def open_textpage(page: pdfium.PdfPage) -> pdfium.PdfTextPage:
    """Return the page's characters. PDFium reads the lines of a page backwards that is turned against its text."""
    textpage = page.get_textpage()
    middle = textpage.count_chars() // 2
    if page.get_rotation() and raw.FPDFText_GetCharAngle(textpage, middle) == 0:
        page.set_rotation(0)
        textpage = page.get_textpage()
    return textpage


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
    count: int = textpage.count_chars()
    if not count:
        return 0.0
    private = sum(len(run) for run in _PRIVATE_RUN.findall(text))
    share = _mapping_faults(textpage, count, _PROBED_CHARACTERS)
    if share and _has_common_letters(text):
        # Some fonts have no table, but number their glyphs like ASCII. Only what ASCII lacks is lost: each ligature.
        lost = len(_CONTROL.findall(text))
        share = min(_GARBLED_SHARE, _UNREADABLE_SHARE + lost / count) if lost else 0.0
    elif share:
        share = _mapping_faults(textpage, count, _COUNTED_CHARACTERS)
    # Each word once: a manual can repeat a name without vowels on each of its lines.
    words = set(_WORD.findall(text))
    without_vowel = sum(not _VOWEL.search(word) for word in words)
    has_words = len(words) < _ENOUGH_WORDS or without_vowel <= _GARBLED_WORDS * len(words)
    if not has_words and not _has_common_letters(text):
        return 1.0
    return max(share, private / count)


def _has_common_letters(text: str) -> bool:
    """Return whether the most frequent letters are those of European languages, as in no shifted alphabet."""
    letters = Counter(character for character in text.casefold() if character.isalpha())
    frequent = {letter for letter, _ in letters.most_common(6)}
    return letters.total() >= _ENOUGH_LETTERS and len(frequent & _COMMON_LETTERS) >= len(frequent) - 2


def _mapping_faults(textpage: pdfium.PdfTextPage, count: int, sample: int) -> float:
    handle = textpage.raw
    probed = range(0, count, max(1, count // sample))
    faults = [raw.FPDFText_HasUnicodeMapError(handle, index) for index in probed]
    return faults.count(1) / len(faults)
