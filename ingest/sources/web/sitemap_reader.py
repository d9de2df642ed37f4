"""Parse sitemaps incrementally, so that only their entries are held in memory.

A sitemap is XML of the protocol, an RSS or Atom feed, or plain text with one address per line; each may be gzipped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.parsers.expat import ErrorString, ExpatError, ParserCreate, errors

from ingest.sources.web.decompression import GZIP_MAGIC, Decompressor
from rag.errors import InvalidInput

# The protocol's own limits: 50 MB decompressed, URLs of 2,048 characters.
_MAX_BYTES = 50 * 1024 * 1024
_MAX_URL_CHARACTERS = 2_048
_MAX_DEPTH = 100
_HEAD_BYTES = 512
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_PATHS = {
    ("urlset", "url"): ("loc", "lastmod"),
    ("sitemapindex", "sitemap"): ("loc", "lastmod"),
    ("rss", "channel", "item"): ("link", ""),
    ("rdf", "item"): ("link", ""),
    ("feed", "entry"): ("link", "updated"),
}
"""The elements that are entries, with the names of their address and their date."""
_ROOTS = {path[0] for path in _PATHS}
_EXPLANATIONS = {
    errors.XML_ERROR_INVALID_TOKEN: "it is not valid XML: often an & that is not written as &amp;, or a wrong encoding",
    errors.XML_ERROR_NO_ELEMENTS: "it ends early",
    errors.XML_ERROR_UNCLOSED_TOKEN: "it ends early",
    errors.XML_ERROR_UNDEFINED_ENTITY: "it uses an entity that XML does not know, such as &nbsp;",
    errors.XML_ERROR_TAG_MISMATCH: "an end tag does not match its start tag",
    errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT: "something follows its last end tag",
    errors.XML_ERROR_UNKNOWN_ENCODING: "it declares an unknown encoding",
    errors.XML_ERROR_INCORRECT_ENCODING: "it declares a wrong encoding",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SitemapEntry:
    """A page or a nested sitemap that a sitemap lists."""

    kind: Literal["page", "sitemap"]
    location: str
    lastmod: str = ""


class SitemapReader:
    """An incremental parser that takes bytes, optionally gzipped, and returns the entries complete so far."""

    def __init__(self) -> None:
        self._decompressor: Decompressor | None = None
        self._is_started = False
        self._bytes = 0
        self._head = b""
        self._syntax: _Lines | _Xml | None = None

    def feed(self, piece: bytes) -> list[SitemapEntry]:
        """Parse a piece and return its entries; raises `InvalidInput` if it is not part of a sitemap."""
        if not self._is_started:
            self._is_started = True
            self._decompressor = Decompressor() if piece.startswith(GZIP_MAGIC) else None
        entries: list[SitemapEntry] = []
        for content in self._decompressor.feed(piece) if self._decompressor else iter([piece]):
            self._bytes += len(content)
            if self._bytes > _MAX_BYTES:
                raise InvalidInput(f"larger than the limit of {_MAX_BYTES:,} bytes for a sitemap")
            entries += self._parse(content)
        return entries

    def close(self) -> list[SitemapEntry]:
        """Return the last entries; raises `InvalidInput` if the sitemap is truncated or something else."""
        if self._decompressor:
            self._decompressor.close()
        return [*self._parse(b"", is_last=True), *(self._syntax.close() if self._syntax else [])]

    def _parse(self, content: bytes, *, is_last: bool = False) -> list[SitemapEntry]:
        if self._syntax is not None:
            return self._syntax.feed(content)
        # Some servers send blank lines before the XML declaration, which is an error for XML parsers.
        self._head = (self._head + content).removeprefix(_UTF8_BOM).lstrip(b" \t\r\n")
        if len(self._head) < _HEAD_BYTES and not is_last:
            return []
        if not self._head:
            raise InvalidInput("not a sitemap: it is empty")
        self._syntax = _syntax_of(self._head)
        return self._syntax.feed(self._head)


def _syntax_of(head: bytes) -> "_Lines | _Xml":
    start = head[:_HEAD_BYTES].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise InvalidInput("not a sitemap but an HTML page; check the address, or use crawl: to follow its links")
    if start.startswith((b"<", *_UTF16_BOMS)):
        return _Xml()
    if start.startswith((b"http://", b"https://", b"/")):
        return _Lines()
    shown = head[:40].decode("utf-8", "replace").splitlines()[0]
    raise InvalidInput(f"not a sitemap: neither XML nor a list of addresses; it begins with {shown!r}")


class _Lines:
    """One address per line."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, content: bytes) -> list[SitemapEntry]:
        *lines, self._rest = (self._rest + content).split(b"\n")
        # What is too long is reported as an invalid address.
        self._rest = self._rest[: 2 * _MAX_URL_CHARACTERS]
        return [
            SitemapEntry(kind="page", location=text)
            for line in lines
            if (text := line.decode("utf-8", "replace").strip())
        ]

    def close(self) -> list[SitemapEntry]:
        return self.feed(b"\n")


class _Xml:
    """A sitemap of the protocol or a feed; prefixes are ignored, because many sitemaps declare wrong namespaces."""

    def __init__(self) -> None:
        self._parser = ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _reject_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._add
        self._path: list[str] = []
        self._text = ""
        self._fields: dict[str, str] = {}
        self._complete: list[SitemapEntry] = []

    def feed(self, content: bytes, *, is_last: bool = False) -> list[SitemapEntry]:
        try:
            self._parser.Parse(content, is_last)
        except ExpatError as error:
            words = ErrorString(error.code)
            raise InvalidInput(
                f"not a sitemap: {_EXPLANATIONS.get(words, f'invalid XML: {words}')} (line {error.lineno})"
            ) from error
        complete, self._complete = self._complete, []
        return complete

    def close(self) -> list[SitemapEntry]:
        return self.feed(b"", is_last=True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= _MAX_DEPTH:
            raise InvalidInput("not a sitemap: its XML is nested too deeply")
        self._path.append(name.rpartition(":")[2].lower())
        if len(self._path) == 1 and self._path[0] not in _ROOTS:
            raise InvalidInput(
                f"not a sitemap: its root element is {name[:50]}, and not urlset, sitemapindex, rss or feed"
            )
        self._text = ""
        # Atom has its addresses in attributes.
        if self._path[-1] == "link" and attributes.get("href") and attributes.get("rel", "alternate") == "alternate":
            self._text = attributes["href"]

    def _add(self, text: str) -> None:
        if tuple(self._path[:-1]) in _PATHS:
            self._text = (self._text + text)[: _MAX_URL_CHARACTERS + 1]

    def _end(self, _: str) -> None:
        path = tuple(self._path)
        if path[:-1] in _PATHS and self._text.strip():
            self._fields.setdefault(path[-1], self._text.strip())
        elif path in _PATHS:
            self._complete += self._entries(path)
            self._fields = {}
        self._text = ""
        self._path.pop()

    def _entries(self, path: tuple[str, ...]) -> Iterator[SitemapEntry]:
        address, date = _PATHS[path]
        if location := self._fields.get(address, ""):
            kind: Literal["page", "sitemap"] = "sitemap" if path[0] == "sitemapindex" else "page"
            yield SitemapEntry(kind=kind, location=location, lastmod=self._fields.get(date, ""))


def _reject_doctype(name: str, *_: object) -> None:
    if name.lower() == "html":
        raise InvalidInput("not a sitemap but an HTML page; check the address, or use crawl: to follow its links")
    # A document type can declare entities that expand to gigabytes or read local files. Sitemaps do not need one.
    raise InvalidInput("not a sitemap: it declares a document type")
