"""Correct PDFium's text of a page where the positions of its characters contradict it."""

import ctypes
import re
from collections.abc import Iterator
from itertools import islice

import pypdfium2 as pdfium
from pypdfium2 import raw

# A word space has about 25 % of the font size, a letter-spaced heading less between all its letters.
_WORD_GAP = 0.2
_LETTER_GAP = 0.08

_POWER_OF_TEN = re.compile(r"(?<![\d.,])10(?=[-−–]?\d)")  # noqa: RUF001
# A superscript is a third of the font size above the line.
_RAISED = 0.15

# PDFium joins short texts that are below each other, as in a column of numbers: 40, 7 and 2 become 4072.
_NUMBER = re.compile(r"\b(?=[^\W\d]*\d)\w{2,60}\b|\b[A-Z]{2,8}\b")
_OTHER_LINE = 0.6
# It also starts a new line before a short text that is on the same line as the one before.
_SHORT_LINE = re.compile(r"(?<=\S)\s*\r\n(?=\S{1,3}\r?$)", re.MULTILINE)
_SAME_LINE = 0.2

# The bound keeps the time for hostile pages short.
_MAX_MATCHES = 5_000


def correct(textpage: pdfium.PdfTextPage, text: str, *, separate_words: bool) -> tuple[str, bool]:
    """Return the corrected text, and whether words had to be separated.

    `separate_words` looks for spaces that PDFium overlooks, which takes time.
    """
    if textpage.count_chars() != len(text):
        # In a few texts, such as those with emoji, the offsets of text and characters differ.
        return text, False
    characters = _Characters(textpage)
    gaps = list(_missing_spaces(characters, text)) if separate_words else []
    edits = {index: (index, " ") for index in gaps}
    edits |= {index: (index, "\n") for index in _line_ends_in_numbers(characters, text)}
    edits |= {index: (index, "^") for index in _exponents(characters, text)}
    edits |= {begin: (end, " ") for begin, end in _line_ends_in_rows(characters, text)}
    pieces: list[str] = []
    position = 0
    for begin, (end, replacement) in sorted(edits.items()):
        pieces += [text[position:begin], replacement]
        position = end
    return "".join([*pieces, text[position:]]), bool(gaps)


class _Characters:
    """The boxes of the characters of a page. Only one box is valid at a time."""

    def __init__(self, textpage: pdfium.PdfTextPage) -> None:
        self._handle = textpage.raw
        self._box = raw.FS_RECTF()

    def box(self, index: int) -> tuple[float, float, float, float]:
        """Return left, right, bottom and height."""
        box = self._box
        raw.FPDFText_GetLooseCharBox(self._handle, index, box)
        return box.left, box.right, box.bottom, box.top - box.bottom

    def baseline(self, index: int) -> float:
        x, y = ctypes.c_double(), ctypes.c_double()
        raw.FPDFText_GetCharOrigin(self._handle, index, x, y)
        return y.value

    def is_upright(self, index: int) -> bool:
        return bool(raw.FPDFText_GetCharAngle(self._handle, index) == 0)


def _missing_spaces(characters: _Characters, text: str) -> Iterator[int]:
    """Return where two letters of a line are as far from each other as words, without a space between them."""
    end_before, line, gap_before = 0.0, 0.0, 0.0
    for index, character in enumerate(text):
        left, right, bottom, height = characters.box(index)
        gap = left - end_before
        is_gap = _WORD_GAP * height < gap < height and bottom == line and gap_before < _LETTER_GAP * height
        if is_gap and character.isalnum() and text[index - 1].isalnum():
            yield index
        end_before, line, gap_before = right, bottom, gap


def _exponents(characters: _Characters, text: str) -> Iterator[int]:
    """Return where the raised digits of a power of ten begin."""
    for match in islice(_POWER_OF_TEN.finditer(text), _MAX_MATCHES):
        height = characters.box(match.end() - 1)[3]
        raised = characters.baseline(match.end()) - characters.baseline(match.end() - 1)
        if _RAISED * height < raised < height:
            yield match.end()


def _line_ends_in_numbers(characters: _Characters, text: str) -> Iterator[int]:
    for match in islice(_NUMBER.finditer(text), _MAX_MATCHES):
        _, _, line, height = characters.box(match.start())
        if abs(characters.box(match.end() - 1)[2] - line) < _SAME_LINE * height:
            continue
        for index in range(match.start() + 1, match.end()):
            _, _, bottom, height_here = characters.box(index)
            if abs(bottom - line) > _OTHER_LINE * max(height, height_here) and characters.is_upright(index):
                yield index
            line, height = bottom, height_here


def _line_ends_in_rows(characters: _Characters, text: str) -> Iterator[tuple[int, int]]:
    for match in islice(_SHORT_LINE.finditer(text), _MAX_MATCHES):
        before, after = match.start() - 1, match.end()
        _, right, _, height = characters.box(before)
        is_beside = characters.box(after)[0] > right
        is_same_line = abs(characters.baseline(before) - characters.baseline(after)) < _SAME_LINE * height
        if is_beside and is_same_line and characters.is_upright(after):
            yield match.span()
