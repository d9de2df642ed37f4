"""Parse sitemaps incrementally, so that only their entries are held in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal
from xml.parsers.expat import ExpatError, ParserCreate

from ingest.sources.web.decompression import GZIP_MAGIC, Decompressor
from rag.errors import InvalidInput

# The protocol's own limits: 50 MB decompressed, URLs of 2,048 characters.
_MAX_BYTES: Final = 50 * 1024 * 1024
_MAX_URL_CHARACTERS: Final = 2_048
_MAX_DEPTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A page or a nested sitemap that a sitemap lists."""

    kind: Literal["page", "sitemap"]
    location: str
    lastmod: str


class SitemapReader:
    """An incremental parser that takes bytes, optionally gzipped, and returns the entries complete so far."""

    def __init__(self) -> None:
        self._parser = ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _reject_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._add
        self._decompressor: Decompressor | None = None
        self._is_started = False
        self._bytes = 0
        self._is_sitemap = False
        self._path: list[str] = []
        self._text = ""
        self._fields: dict[str, str] = {}
        self._complete: list[Entry] = []

    def feed(self, piece: bytes) -> list[Entry]:
        """Parse a piece and return its entries; raises `InvalidInput` if it is not part of a sitemap."""
        if not self._is_started:
            self._is_started = True
            self._decompressor = Decompressor() if piece.startswith(GZIP_MAGIC) else None
        for xml in self._decompressor.feed(piece) if self._decompressor else iter([piece]):
            self._bytes += len(xml)
            if self._bytes > _MAX_BYTES:
                raise InvalidInput(f"larger than the limit of {_MAX_BYTES:,} bytes for a sitemap")
            self._parse(xml)
        return self._pop_complete()

    def close(self) -> list[Entry]:
        """Return the last entries; raises `InvalidInput` if the sitemap is truncated or has another root element."""
        if self._decompressor:
            self._decompressor.close()
        self._parse(b"", is_last=True)
        if not self._is_sitemap:
            raise InvalidInput("not a sitemap: its root element is neither urlset nor sitemapindex")
        return self._pop_complete()

    def _parse(self, piece: bytes, *, is_last: bool = False) -> None:
        try:
            self._parser.Parse(piece, is_last)
        except ExpatError as error:
            raise InvalidInput(f"not a sitemap: invalid XML: {error}") from error

    def _pop_complete(self) -> list[Entry]:
        complete, self._complete = self._complete, []
        return complete

    def _start(self, name: str, _: dict[str, str]) -> None:
        if len(self._path) >= _MAX_DEPTH:
            raise InvalidInput("not a sitemap: its XML is nested too deeply")
        self._path.append(name.rpartition(" ")[2].lower())
        self._is_sitemap = self._is_sitemap or self._path in (["urlset"], ["sitemapindex"])
        self._text = ""

    def _add(self, text: str) -> None:
        if len(self._path) == 3:
            self._text = (self._text + text)[: _MAX_URL_CHARACTERS + 1]

    def _end(self, _: str) -> None:
        if len(self._path) == 3:
            self._fields[self._path[-1]] = self._text.strip()
        elif len(self._path) == 2:
            self._complete += self._entries()
            self._fields = {}
        self._path.pop()

    def _entries(self) -> Iterator[Entry]:
        location = self._fields.get("loc", "")
        if not 0 < len(location) <= _MAX_URL_CHARACTERS:
            return
        match tuple(self._path):
            case ("urlset", "url"):
                yield Entry(kind="page", location=location, lastmod=self._fields.get("lastmod", ""))
            case ("sitemapindex", "sitemap"):
                yield Entry(kind="sitemap", location=location, lastmod="")


def _reject_doctype(*_: object) -> None:
    # A document type can declare entities that expand to gigabytes or read local files. Sitemaps do not need one.
    raise InvalidInput("not a sitemap: it declares a document type")
