"""Decode bytes, and clean text so that it is safe to store, embed and show."""

import codecs
import re
import unicodedata
from typing import Final

from charset_normalizer import from_bytes

from rag.errors import InvalidInput

# UTF-32 before UTF-16, whose little-endian mark is a prefix of UTF-32's.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# Binary files are recognised by their first bytes, whatever their name says.
_SIGNATURES: Final = (
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "ZIP"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
    (b"%PDF-", "PDF"),
    (b"{\\rtf", "RTF"),
    (b"\x89PNG\r\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF89a", "GIF"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh91AY&SY", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a", "RAR"),
    (b"\x7fELF", "program"),
    (b"SQLite format 3\x00", "SQLite"),
)

_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BINARY_PROBE: Final = 8_000
_GUESS_PROBE: Final = 64_000

_LINE_ENDS: Final = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES: Final = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# Control characters, lone surrogates, non-characters, and characters that a reader cannot see but a model reads:
# zero-width marks, direction overrides, tags. Zero-width joiners stay: Persian, Hindi and emoji need them.
_INVISIBLE: Final = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_SYMBOL_RUN: Final = re.compile(r"[^\w\s\x00-\x7f]{31,}")
_BLANK_LINES: Final = re.compile(r"\n{3,}")


def decode(body: bytes, declared: str = "") -> str:
    """Decode by the byte order mark, else as `declared`, else as UTF-8, else as the most likely encoding.

    Raises `InvalidInput` for binary data and for text in an unknown encoding.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return _without_nuls(body.removeprefix(mark).decode(encoding, "replace"))
    if kind := kind_of(body):
        raise InvalidInput(f"binary data, not text: it starts like a {kind} file")
    if encoding := _unmarked_utf16(body[:_BINARY_PROBE]):
        return _without_nuls(body.decode(encoding, "replace"))
    if b"\0" in body[:_BINARY_PROBE]:
        raise InvalidInput("binary data, not text")
    text = _decode_as(declared, body) or _decode_as("utf-8", body) or _decode_damaged(body) or _guess(body)
    if len(_CONTROL.findall(text[:_BINARY_PROBE])) * 20 > len(text[:_BINARY_PROBE]):
        raise InvalidInput("binary data, not text")
    return _without_nuls(text)


def kind_of(body: bytes) -> str:
    """Return the name of a well-known binary format, or "" for anything else, such as text."""
    return next((kind for signature, kind in _SIGNATURES if body.startswith(signature)), "")


def clean(text: str) -> str:
    """Return the text in Unicode form NFC with \\n line ends, without invisible characters and extra blank space."""
    text = _INVISIBLE.sub("", _SPACES.sub(" ", _LINE_ENDS.sub("\n", text)))
    # NFC takes quadratic time for thousands of accents on one letter.
    text = unicodedata.normalize("NFC", _SYMBOL_RUN.sub(_without_accents, text))
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip("\n")


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _without_nuls(text: str) -> str:
    return text.replace("\0", "")


def _unmarked_utf16(probe: bytes) -> str:
    """Return the UTF-16 variant if about every other byte is zero, as in Latin text; "" otherwise."""
    first, second = probe[::2].count(0), probe[1::2].count(0)
    if max(first, second) * 4 < len(probe) or min(first, second) * 20 > max(first, second):
        return ""
    return "utf-16-le" if second > first else "utf-16-be"


def _decode_as(encoding: str, body: bytes) -> str:
    """Decode as `encoding`, or return "" if it is unknown or does not fit."""
    if not encoding:
        return ""
    try:
        return body.decode(encoding)
    except (LookupError, UnicodeError):
        return ""


def _decode_damaged(body: bytes) -> str:
    """Decode UTF-8 with a few damaged bytes, or return "" if more than 10 % of the non-ASCII text is damaged."""
    text = body.decode("utf-8", "replace")
    non_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return text if text.count("\ufffd") * 10 < non_ascii else ""


def _guess(body: bytes) -> str:
    # The detector's time grows with the length, but its accuracy hardly does.
    candidates = from_bytes(body[:_GUESS_PROBE])
    # The detector confuses French with Central European. If cp1252 is possible, it is by far the most likely.
    best = next((candidate for candidate in candidates if candidate.encoding == "cp1252"), candidates.best())
    if best is None:
        raise InvalidInput("text in an unknown encoding; save it as UTF-8")
    return body.decode(best.encoding, "replace")


def _without_accents(symbols: re.Match[str]) -> str:
    return "".join(character for character in symbols[0] if not unicodedata.combining(character))
