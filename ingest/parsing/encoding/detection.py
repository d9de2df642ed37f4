"""Recognise the encoding of bytes that do not declare it (ADR 52)."""

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

import chardet

# What people's files are written in. Each further encoding costs accuracy: with ISO 8859-4 and 8859-16, for example,
# Italian and Croatian texts are mistaken for Baltic and Romanian ones.
_CANDIDATES = (
    *("cp1252", "iso8859-1", "iso8859-15", "mac-roman", "cp437", "cp850"),
    *("cp1250", "iso8859-2", "cp852", "mac-latin2", "cp1257", "iso8859-13"),
    *("cp1254", "iso8859-9", "cp857", "mac-turkish", "cp1253", "iso8859-7", "cp737", "mac-greek"),
    *("cp1251", "koi8-r", "koi8-u", "cp855", "cp866", "iso8859-5", "mac-cyrillic"),
    *("cp1255", "iso8859-8", "cp862", "cp1256", "iso8859-6", "cp864", "cp1258", "cp874", "tis-620"),
    *("cp932", "shift_jis", "euc-jp", "gb18030", "big5", "big5hkscs", "cp949", "euc-kr", "johab"),
)
# Lines, or pieces of long lines. Their last bytes are never part of a character in the candidates.
_LINES = re.compile(rb"[^\n]{0,4000}(?:[\n\x20-\x2f]|\Z)|[^\n]+")
_ASCII = bytes(range(0x80))
_NOT_LATIN = re.compile("[\u0370-\u06ff]")
_MIXED_WORD = re.compile("[A-Za-z][\u0370-\u06ff]|[\u0370-\u06ff][A-Za-z]")
# The detector's time grows with the length, but its accuracy hardly does beyond a few pages.
_MAX_SAMPLE = 100_000
_ESCAPES = re.compile(rb"\x1b(?:\$[@B]|\([IJ])")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_PROBE = 8_000
# ADR 52: of 502 texts with more bytes beyond ASCII one was misread, and its second reading was as likely as the first.
# Of those with fewer, every twelfth was misread.
_CERTAIN_BYTES = 16
_RIVAL = 0.98
_MIN_PLAUSIBLE = 0.9


@dataclass(frozen=True, slots=True)
class Guess:
    """The most likely encoding of some bytes."""

    encoding: str
    is_certain: bool


def detect_unicode(body: bytes) -> str:
    """Return the variant of UTF-16 or UTF-32 without a byte order mark, or "" if the bytes are in neither."""
    probe = body[:_PROBE]
    if not _CONTROL.search(probe):
        return ""
    encodings = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
    scores = {encoding: _plausibility(probe.decode(encoding, "replace")) for encoding in encodings}
    best = max(scores, key=lambda encoding: scores[encoding])
    return best if scores[best] >= _MIN_PLAUSIBLE else ""


def has_escapes(body: bytes) -> bool:
    """Return whether the bytes switch alphabets as in ISO-2022-JP, whose bytes are all ASCII."""
    return _ESCAPES.search(body) is not None


def detect_encoding(body: bytes) -> Guess | None:
    """Return the most likely encoding by lines of the whole body that are not ASCII, or None."""
    sample = _sample(body)
    guesses = chardet.detect_all(
        sample, max_bytes=max(1, len(sample)), include_encodings=_CANDIDATES, no_match_encoding=_CANDIDATES[0]
    )
    likely = {guess["encoding"]: guess["confidence"] for guess in guesses if guess["encoding"]}
    plausible = {encoding: likely[encoding] for encoding in likely if _fits(sample, encoding)} or likely
    if not plausible:
        return None
    ranked = sorted(plausible, key=lambda encoding: -plausible[encoding])
    best = next((encoding for encoding in ranked if _decodes(body, encoding)), ranked[0])
    text = sample.decode(best, "replace")
    rivals = [other for other in ranked if other != best and plausible[other] >= plausible[best] * _RIVAL]
    has_rival = any(sample.decode(rival, "replace") != text for rival in rivals)
    return Guess(best, len(sample.translate(None, _ASCII)) > _CERTAIN_BYTES and not has_rival)


def _sample(body: bytes) -> bytes:
    """Return the lines that are not ASCII, or evenly spread ones if there are many."""
    lines = [line for line in _LINES.findall(body) if not line.isascii()]
    step = 1 + sum(map(len, lines)) // _MAX_SAMPLE
    # Only text without any blank is longer. Its last character may be cut, which `_fits` allows.
    return b"".join(lines[::step])[: 2 * _MAX_SAMPLE]


def _fits(sample: bytes, encoding: str) -> bool:
    """Return whether all bytes are characters, and words do not mix alphabets, as in `virt\u0449` for `virt\u00f9`."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeError:
        return False
    return len(_MIXED_WORD.findall(text)) * 5 <= len(_NOT_LATIN.findall(text))


def _decodes(body: bytes, encoding: str) -> bool:
    try:
        body.decode(encoding)
    except UnicodeError:
        return False
    return bool(body)


def _plausibility(text: str) -> float:
    """Return how much of the text is ASCII, Latin, East Asian, or of one further script, plus its share of ASCII."""
    blocks = Counter(_block_of(character) for character in text)
    ascii_share = blocks["ascii"] / len(text) if text else 0.0
    familiar = blocks.pop("ascii", 0) + blocks.pop("east asian", 0)
    blocks.pop("nothing", 0)
    share = (familiar + max(blocks.values(), default=0)) / len(text) if text else 0.0
    return share + ascii_share if share >= _MIN_PLAUSIBLE else 0.0


def _block_of(character: str) -> str:
    number = ord(character)
    if unicodedata.category(character) in {"Cn", "Co", "Cs"} or (number < ord(" ") and character not in "\n\r\t\f"):
        return "nothing"
    if number < 0x250 or 0x2000 <= number < 0x2100 or number > 0xFFFF:
        return "ascii"
    if 0x3000 <= number < 0x3100 or 0x4E00 <= number < 0xA000 or 0xAC00 <= number < 0xD7A4 or number >= 0xFF00:
        return "east asian" if character != "\ufffd" else "nothing"
    return f"{number >> 8:x}"
