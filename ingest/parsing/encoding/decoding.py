"""Decode the bytes of text files: as declared, as Unicode, or as the most likely encoding (ADR 52)."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.parsing.encoding.detection import detect_encoding, detect_unicode, has_escapes
from ingest.parsing.text import kind_of
from rag.errors import InvalidInput
from rag.parsing_warnings import ParsingWarning

# UTF-32 before UTF-16, whose little-endian mark is a prefix of UTF-32's.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNICODE = {"utf-8", *(encoding for _, encoding in _BYTE_ORDER_MARKS)}

# XML, CSS, and the comments by which editors and Python recognise the encoding of a file.
_DECLARATIONS = (
    re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})"),
    re.compile(rb"@charset\s+[\"']([\w.:-]{1,40})"),
    re.compile(rb"(?:[^\n]{0,200}\n)?[ \t]*(?:#|//|/\*|\.\.|;|%|--|<!--)[^\n]{0,200}?coding[:=][ \t]*([\w.-]{1,40})"),
)
# Labels that Python does not know, or whose text programs write and read as a superset.
_CODECS = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "windows-949": "cp949",
    "unicode-1-1-utf-8": "utf-8",
    "macintosh": "mac-roman",
    "utf-16": "utf-16-le",
    "utf-32": "utf-32-le",
}
# Python also has codecs that are not encodings of text files, such as unicode_escape, punycode and UTF-7.
_TEXT_CODEC = re.compile(r"utf-(8|16|32)|iso8859|iso2022|cp\d|koi8|mac|big5|gb|hz|euc_|shift_jis|johab|tis|kz|ptcp")
_SINGLE_BYTE = re.compile(r"iso8859|cp(?!932|949|950)\d|koi8|mac|tis|kz|ptcp")

_MANY = 8

# Backspaces are not among them: manual pages print bold text as "N\bN".
_CONTROL = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_BINARY_PROBE = 8_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file, and what is missing or uncertain in it."""

    text: str
    warnings: tuple[ParsingWarning, ...] = ()


def decode(body: bytes, *declared: str) -> Decoded:
    """Decode by the byte order mark, else as declared, else as UTF-8, else as the most likely encoding.

    `declared` are the labels of the encoding from outside the text, the most trustworthy first, each may be empty.

    Raises `InvalidInput` for binary data and for text in an unknown encoding.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return _decode_damaged(body.removeprefix(mark), encoding)
    if kind := kind_of(body):
        raise InvalidInput(f"binary data, not text: it starts like a {kind} file")
    if encoding := detect_unicode(body):
        return _decode_damaged(body, encoding)
    if b"\0" in body[:_BINARY_PROBE]:
        raise InvalidInput("binary data, not text")
    decoded = _decode_unmarked(body, [label for label in (*declared, *_labels_in(body)) if label])
    probe = decoded.text[:_BINARY_PROBE]
    if len(_CONTROL.findall(probe)) * 20 > len(probe):
        raise InvalidInput("binary data, not text")
    return Decoded(decoded.text.replace("\0", ""), decoded.warnings)


def _decode_unmarked(body: bytes, labels: list[str]) -> Decoded:
    unicode = _decode_as("utf-8", body)
    is_ascii = unicode is not None and body.isascii()
    if is_ascii and has_escapes(body) and (text := _decode_as("iso2022_jp_ext", body)) is not None:
        return Decoded(text)
    if is_ascii and unicode is not None:
        return Decoded(unicode)
    for label in labels:
        codec = _codec_of(label)
        if codec and not (unicode is not None and _contradicts_utf8(codec, unicode)):
            text = _decode_as(codec, body)
            if text is not None:
                return Decoded(text)
    if unicode is not None:
        return Decoded(unicode, tuple(_wrong_label(labels, "UTF-8")))
    damaged = _decode_damaged(body, "utf-8")
    if _is_mostly_intact(damaged.text):
        return damaged
    guess = detect_encoding(body)
    if guess is None:
        raise InvalidInput("text in an unknown encoding; save it as UTF-8")
    decoded = _decode_damaged(body, guess.encoding)
    uncertain = _wrong_label(labels, guess.encoding) if labels or guess.is_certain else [_guessed(guess.encoding)]
    return Decoded(decoded.text, (*decoded.warnings, *uncertain))


def _contradicts_utf8(codec: str, text: str) -> bool:
    """Return whether a declaration is wrong, because text in this encoding is never valid UTF-8 by accident.

    A few Chinese characters can be valid UTF-8.
    """
    return codec != "utf-8" and (_SINGLE_BYTE.match(codec) is not None or _count_beyond_ascii(text) >= _MANY)


def _labels_in(body: bytes) -> Iterator[str]:
    """Yield the labels that the text itself declares in its first lines."""
    for pattern in _DECLARATIONS:
        if found := pattern.match(body):
            yield found[1].decode("ascii", "ignore")


def _codec_of(label: str) -> str:
    """Return Python's name of a declared encoding, or "" without one."""
    name = label.strip(" \"'").lower().removeprefix("x-").replace("windows-125", "cp125")
    name = _CODECS.get(name, name)
    try:
        name = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return _CODECS.get(name, name) if _TEXT_CODEC.match(name) else ""


def _decode_as(encoding: str, body: bytes) -> str | None:
    """Decode as `encoding`, or return None if it does not fit."""
    try:
        return body.decode(encoding)
    except UnicodeError:
        return None


def _decode_damaged(body: bytes, encoding: str) -> Decoded:
    """Decode, with U+FFFD and a warning for bytes that do not fit."""
    text = _decode_as(encoding, body)
    if text is not None:
        return Decoded(text)
    text = body.decode(encoding, "replace")
    if encoding in _UNICODE:
        # Unlike the characters U+FFFD, these bytes can be counted if the text contains such characters itself.
        lost = len(body) - len(body.decode(encoding, "ignore").encode(encoding))
    else:
        lost = text.count("\ufffd")
    message = f"Bytes that are not valid {encoding} were replaced by the character U+FFFD."
    return Decoded(text, (ParsingWarning(code="replaced_characters", message=message, count=max(1, lost)),))


def _is_mostly_intact(text: str) -> bool:
    """Return whether at most a tenth of the text beyond ASCII is damaged. In another encoding all of it would be."""
    return text.count("\ufffd") * 10 < _count_beyond_ascii(text)


def _count_beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def _wrong_label(labels: list[str], encoding: str) -> Iterator[ParsingWarning]:
    if labels:
        message = f"The declared encoding {labels[0][:40]} does not fit: the text was read as {encoding}."
        yield ParsingWarning(code="guessed_encoding", message=message)


def _guessed(encoding: str) -> ParsingWarning:
    message = f"The encoding is not declared and the text fits several: it was read as {encoding}."
    return ParsingWarning(code="guessed_encoding", message=message)
