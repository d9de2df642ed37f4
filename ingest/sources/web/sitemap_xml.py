"""Reads a sitemap as its bytes come, and never has more of it than what it names."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal
from xml.parsers.expat import ExpatError, ParserCreate

from ingest.sources.web.inflating import GZIP_MAGIC, Inflater
from rag.errors import InvalidInput

# The protocol's own bounds: 50 MB unpacked, addresses of 2,048 characters.
_MAX_BYTES: Final = 50 * 1024 * 1024
_MAX_TEXT: Final = 2_048
_MAX_DEPTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A page, or a further sitemap, that a sitemap names."""

    kind: Literal["page", "sitemap"]
    location: str
    lastmod: str


class SitemapReader:
    """Takes bytes, packed with gzip or not, and gives the entries that end in them."""

    def __init__(self) -> None:
        self._parser = ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._add
        self._inflater: Inflater | None = None
        self._is_begun = False
        self._bytes = 0
        self._is_sitemap = False
        self._path: list[str] = []
        self._text = ""
        self._fields: dict[str, str] = {}
        self._found: list[Entry] = []

    def feed(self, piece: bytes) -> list[Entry]:
        """Raises `InvalidInput` for what is no sitemap."""
        if not self._is_begun:
            self._is_begun = True
            self._inflater = Inflater() if piece.startswith(GZIP_MAGIC) else None
        for unpacked in self._inflater.feed(piece) if self._inflater else iter([piece]):
            self._bytes += len(unpacked)
            if self._bytes > _MAX_BYTES:
                raise InvalidInput(f"larger than the {_MAX_BYTES:,} bytes of a sitemap")
            self._parse(unpacked)
        return self._taken()

    def close(self) -> list[Entry]:
        """Raises `InvalidInput` where the end is missing, or where it was something else altogether."""
        if self._inflater:
            self._inflater.close()
        self._parse(b"", is_last=True)
        if not self._is_sitemap:
            raise InvalidInput("not the XML of a sitemap: it is of another kind")
        return self._taken()

    def _parse(self, piece: bytes, *, is_last: bool = False) -> None:
        try:
            self._parser.Parse(piece, is_last)
        except ExpatError as error:
            raise InvalidInput(f"not the XML of a sitemap: {error}") from error

    def _taken(self) -> list[Entry]:
        found, self._found = self._found, []
        return found

    def _start(self, name: str, _: dict[str, str]) -> None:
        if len(self._path) >= _MAX_DEPTH:
            raise InvalidInput("not the XML of a sitemap: nested too deep")
        self._path.append(_local(name))
        self._is_sitemap = self._is_sitemap or self._path in (["urlset"], ["sitemapindex"])
        self._text = ""

    def _add(self, text: str) -> None:
        if len(self._path) == 3:
            self._text = (self._text + text)[: _MAX_TEXT + 1]

    def _end(self, _: str) -> None:
        if len(self._path) == 3:
            self._fields[self._path[-1]] = self._text.strip()
        elif len(self._path) == 2:
            self._found += self._entries()
            self._fields = {}
        self._path.pop()

    def _entries(self) -> Iterator[Entry]:
        location = self._fields.get("loc", "")
        if not 0 < len(location) <= _MAX_TEXT:
            return
        match tuple(self._path):
            case ("urlset", "url"):
                yield Entry(kind="page", location=location, lastmod=self._fields.get("lastmod", ""))
            case ("sitemapindex", "sitemap"):
                yield Entry(kind="sitemap", location=location, lastmod="")


def _local(name: str) -> str:
    return name.rpartition(" ")[2].lower()


def _refuse_doctype(*_: object) -> None:
    # A sitemap needs none, and entities that unfold to gigabytes or name files of this machine come in one.
    raise InvalidInput("not the XML of a sitemap: it declares a document type")
