"""The form of text in which questions and passages are compared. The text that users see is not changed (ADR 53)."""

import re
import unicodedata
from typing import Final

# Soft hyphens, zero-width spaces and joiners, direction marks: a reader cannot see them, so a question never has them.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
# Characters that Unicode calls compatible, such as the ligature of f and i, become the plain ones.
_FORM: Final = "NFKC"

# Chinese, Japanese and Korean.
_IDEOGRAPHIC = (
    "\u3005-\u3007\u3040-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
# Thai, Lao, Burmese and Khmer.
_SOUTHEAST_ASIAN = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u103f\u1780-\u17d3"
_UNSPACED = re.compile(f"[{_IDEOGRAPHIC}]+|[{_SOUTHEAST_ASIAN}]+")
_MARKS = re.compile("[\u0e47-\u0e4e]")


def normalise(text: str) -> str:
    """Return the text without ligatures, full-width forms and invisible characters, as models and people type it."""
    return text if text.isascii() else unicodedata.normalize(_FORM, _INVISIBLE.sub("", text))


def to_words(text: str) -> str:
    """Return the normalised text with blanks between all words.

    In scripts without blanks, each pair of neighbouring characters is a word: that needs no dictionary, and a question
    and a passage that share a word share its pairs.
    """
    if text.isascii():
        return text
    plain = normalise(text).replace("\u0130", "i")
    # Marks that are not letters, such as accents without a composed form or vowel points, would end a word.
    plain = "".join(character for character in plain if not _is_accent(character))
    return _UNSPACED.sub(_to_pairs, plain)


def is_unspaced(word: str) -> bool:
    """Return whether a word of `to_words` comes from a script without blanks."""
    return _UNSPACED.match(word) is not None


def _is_accent(character: str) -> bool:
    # Two Thai vowels have a combining class, but are letters.
    return character > "\u02ff" and unicodedata.combining(character) != 0 and character not in "\u0e38\u0e39"


def _to_pairs(run: re.Match[str]) -> str:
    letters = _MARKS.sub("", run[0])
    pairs = [letters[index : index + 2] for index in range(len(letters) - 1)] or [letters]
    return f" {' '.join(pairs)} "
