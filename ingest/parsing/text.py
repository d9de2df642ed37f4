"""Bytes to text, and text to text that is safe to store, embed and show."""

import codecs
import re
import unicodedata
from typing import Final

from charset_normalizer import from_bytes

from ingest.parsing.signatures import kind_of
from rag.errors import InvalidInput

# The longest first: the mark of UTF-16 is the beginning of that of UTF-32.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BINARY_PROBE: Final = 8_000
_GUESS_PROBE: Final = 64_000

_LINE_ENDS: Final = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES: Final = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# Control characters, lone surrogates, non-characters, and what a reader cannot see but a model reads: zero-width
# marks, direction overrides, tags. The zero-width joiners stay, as Persian, Hindi and emoji are spelt with them.
_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_SYMBOL_RUN: Final = re.compile(r"[^\w\s\x00-\x7f]{31,}")
_BLANK_LINES: Final = re.compile(r"\n{3,}")


def decode(body: bytes, declared: str = "") -> str:
    """Text by byte order mark, else the `declared` encoding, else UTF-8, else the likeliest; or InvalidInput."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return _without_nuls(body.removeprefix(mark).decode(encoding, "replace"))
    if kind := kind_of(body):
        raise InvalidInput(f"binary data, not text: it begins as {kind} files do")
    if encoding := _unmarked_utf16(body[:_BINARY_PROBE]):
        return _without_nuls(body.decode(encoding, "replace"))
    if b"\0" in body[:_BINARY_PROBE]:
        raise InvalidInput("binary data, not text")
    text = _decode_as(declared, body) or _decode_as("utf-8", body) or _decode_damaged(body) or _guess(body)
    if len(_CONTROL.findall(text[:_BINARY_PROBE])) * 20 > len(text[:_BINARY_PROBE]):
        raise InvalidInput("binary data, not text")
    return _without_nuls(text)


def clean(text: str) -> str:
    """The same text in Unicode form NFC with \\n line ends, without invisible characters and surplus blank space."""
    text = _UNSEEN.sub("", _SPACES.sub(" ", _LINE_ENDS.sub("\n", text)))
    # Composing thousands of accents on one letter takes quadratic time.
    text = unicodedata.normalize("NFC", _SYMBOL_RUN.sub(_without_accents, text))
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip("\n")


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _without_nuls(text: str) -> str:
    return text.replace("\0", "")


def _unmarked_utf16(probe: bytes) -> str:
    """The encoding where every other byte of many is zero, as in Latin text in UTF-16."""
    first, second = probe[::2].count(0), probe[1::2].count(0)
    if max(first, second) * 4 < len(probe) or min(first, second) * 20 > max(first, second):
        return ""
    return "utf-16-le" if second > first else "utf-16-be"


def _decode_as(encoding: str, body: bytes) -> str:
    """Empty where the encoding is unknown or does not fit."""
    if not encoding:
        return ""
    try:
        return body.decode(encoding)
    except (LookupError, UnicodeError):
        return ""


def _decode_damaged(body: bytes) -> str:
    """UTF-8 in which few bytes are broken; empty where there are too many for that."""
    text = body.decode("utf-8", "replace")
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    return text if text.count("\ufffd") * 10 < foreign else ""


def _guess(body: bytes) -> str:
    # Its time grows with the length, its certainty hardly does.
    candidates = from_bytes(body[:_GUESS_PROBE])
    # It takes French for Central European; where Western European is possible, it is the likeliest by far.
    best = next((candidate for candidate in candidates if candidate.encoding == "cp1252"), candidates.best())
    if best is None:
        raise InvalidInput("text in an encoding that cannot be told; save it as UTF-8")
    return body.decode(best.encoding, "replace")


def _without_accents(run: re.Match[str]) -> str:
    return "".join(character for character in run[0] if not unicodedata.combining(character))
