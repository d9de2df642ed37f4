"""Recognise binary data, and clean text so that it is safe to store, embed and show."""

import re
import unicodedata

# Binary files are recognised by their first bytes, whatever their name says.
_SIGNATURES = (
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

# What terminals read as commands: colours, cursor movements, titles and links. The escape character may be shown as its
# picture. Shown as "^[" it counts only before a number, because "^[[:alpha:]]" is a regular expression.
_TERMINAL_COMMANDS = re.compile(
    r"[\x1b\u241b](?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)|[PX^_][^\x1b\n]{0,2000}\x1b\\"
    r"|[ -/]{1,8}[0-~]|[0-~])|\^\[\[\d{1,3}(?:;\d{1,3}){0,8}[mKJH]"
)
_TERMINAL_MARKS = ("\x1b", "\u241b", "^[[")
_OVERSTRIKE = re.compile(r"[^\n\x08]\x08")
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# Control characters, lone surrogates, non-characters, and characters that a reader cannot see but a model reads:
# zero-width marks, direction overrides, tags. Zero-width joiners stay: Persian, Hindi and emoji need them.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_SYMBOL_RUN = re.compile(r"[^\w\s\x00-\x7f]{31,}")
_BLANK_LINES = re.compile(r"\n{3,}")


def kind_of(body: bytes) -> str:
    """Return the name of a well-known binary format, or "" for anything else, such as text."""
    return next((kind for signature, kind in _SIGNATURES if body.startswith(signature)), "")


def clean(text: str) -> str:
    """Return the text in Unicode form NFC with \\n line ends, without invisible characters and extra blank space."""
    if any(mark in text for mark in _TERMINAL_MARKS):
        text = _TERMINAL_COMMANDS.sub("", text)
    if "\b" in text:
        text = _OVERSTRIKE.sub("", text)
    text = _INVISIBLE.sub("", _SPACES.sub(" ", _LINE_ENDS.sub("\n", text)))
    # NFC takes quadratic time for thousands of accents on one letter.
    text = unicodedata.normalize("NFC", _SYMBOL_RUN.sub(_without_accents, text))
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip("\n")


def fence_around(code: str) -> str:
    """Return the Markdown fence for the code, longer than the fences inside it, which would end the block."""
    longest = max((len(run) for run in re.findall(r"^\s*(`{3,})", code, re.MULTILINE)), default=2)
    return "`" * (longest + 1)


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _without_accents(symbols: re.Match[str]) -> str:
    return "".join(character for character in symbols[0] if not unicodedata.combining(character))
