"""Split RTF into groups, control words and bytes of text, and name the encodings of its fonts."""

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from ingest.parsing.ooxml.symbols import symbol

_TOKEN = re.compile(
    rb"(?P<open>\{)|(?P<close>\})|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?"
    rb"|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<symbol>[^a-zA-Z])|(?P<text>[^\\{}\r\n]+)|[\r\n]+|\\"
)

# The `\fcharset` numbers of Windows, as Python calls the encodings.
_CHARSETS = {
    0: "cp1252",
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gb18030",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
    255: "cp850",
}
_SYMBOL_CHARSET = 2
SYMBOL_FONT = "symbols"
"""The encoding of fonts whose glyphs are symbols."""
_PAGES = {10000: "mac_roman", 10007: "mac_cyrillic", 10029: "mac_latin2", 65001: "utf-8", 936: "gb18030"}


class Token(NamedTuple):
    """A piece of RTF. `kind` is open, close, word, symbol, hex or text."""

    kind: str
    value: str = ""
    number: int | None = None
    raw: bytes = b""


def tokens(body: bytes) -> Iterator[Token]:
    position = 0
    while match := _TOKEN.match(body, position):
        position = match.end()
        match match.lastgroup:
            case "word" | "number":
                number = int(match["number"]) if match["number"] else None
                word = match["word"].decode()
                if word == "bin":
                    # So many bytes of binary data follow, which may look like RTF.
                    position += max(0, number or 0)
                else:
                    yield Token("word", word, number)
            case "hex":
                yield Token("hex", raw=bytes([int(match["hex"], 16)]))
            case "symbol":
                yield Token("symbol", match["symbol"].decode("latin-1"))
            case "text":
                yield Token("text", raw=match["text"])
            case "open" | "close" as kind:
                yield Token(kind)


def encoding_of_charset(charset: int, default: str) -> str:
    return SYMBOL_FONT if charset == _SYMBOL_CHARSET else _CHARSETS.get(charset, default)


def encoding_of_page(page: int) -> str:
    """Return Python's name of a Windows code page, or that of the western one if it is unknown."""
    name = _PAGES.get(page, f"cp{page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"


def decode_symbols(raw: bytes) -> str:
    return "".join(symbol(byte, "symbol") for byte in raw)
