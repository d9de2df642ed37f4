"""Read what a page says to crawlers: its links, its directives, its other addresses, and how much text it has.

An HTML parser can take quadratic time on hostile pages. This module reads only tags, in linear time.
"""

import codecs
import html
import re
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from yarl import URL

from ingest.sources.web.urls import link_to

_TAG = re.compile(
    r"<(?P<name>/?[a-z]+)\b(?P<attributes>(?:[^<>\"']++|\"[^\"]{0,4000}+\"|'[^']{0,4000}+')*+)>", re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"([a-z-]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++))", re.IGNORECASE)
_REFRESH = re.compile(r"\s*(\d{0,6})(?:\.\d*)?\s*[;,\s]\s*(?:url\s*=\s*)?(['\"]?)(.+)", re.IGNORECASE | re.DOTALL)
# Python also has codecs that are not encodings of pages, and some of them take quadratic time.
_ENCODING = re.compile(r"utf-(8|16|32)|iso8859|iso2022|cp\d|koi8|gb|big5|shift|euc|ascii|mac|tis")
_MAX_TAG_CHARACTERS = 10_000
_MAX_LINKS = 10_000
# Directives with a value after a colon; without this list they would be taken for the name of a crawler.
_DIRECTIVES_WITH_VALUE = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}
# Elements whose content is not HTML, with the start of their end tags.
_END_TAGS = {
    "script": "</script",
    "style": "</style",
    "template": "</template",
    "textarea": "</textarea",
    "title": "</title",
}
_COMMENT = ("<!--", "-->")
# A page that leads elsewhere after a moment and has little text is a redirect. A slide show or a news page is not.
_MAX_REDIRECT_SECONDS = 5
_MAX_REDIRECT_WORDS = 60
# An application's first page says at most "Loading …" before its script runs.
_MAX_SHELL_WORDS = 3
_SHARE_OF_OTHER_WORDS = 0.02

_Piece: TypeAlias = tuple[str, dict[str, str] | None]
"""The name of a tag with its attributes, or a text with None."""


@dataclass(slots=True)
class Wording:
    """A digest of the visible text of a page, by which two pages are compared."""

    segments: "array[int]" = field(default_factory=lambda: array("I"))
    """The checksum of each piece of text between two tags."""
    lengths: "array[int]" = field(default_factory=lambda: array("I"))
    """The number of words of each piece."""

    @property
    def words(self) -> int:
        return sum(self.lengths)

    def add(self, text: str) -> None:
        words = html.unescape(text).split()
        if words:
            self.segments.append(zlib.crc32(" ".join(words).encode("utf-8", "replace")))
            self.lengths.append(len(words))

    def is_within(self, other: "Wording") -> bool:
        """Return True if the other page says what this one says, apart from a date or the like."""
        known = set(other.segments)
        missing = sum(
            length for segment, length in zip(self.segments, self.lengths, strict=True) if segment not in known
        )
        return bool(self.segments) and missing <= self.words * _SHARE_OF_OTHER_WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """Instructions of a page for crawlers."""

    targets: tuple[URL, ...]
    """Its links in page order, without those marked `nofollow`."""
    unfollowed: tuple[URL, ...]
    """Its links that are marked `nofollow`."""
    is_truncated: bool
    """True if it has more links than are read."""
    is_indexed: bool
    """False if the page asks not to be indexed."""
    is_followed: bool
    """False if the page asks that its links are not followed."""
    refresh: URL | None
    """The page that this one redirects to by `meta refresh`."""
    canonical: URL | None
    """The address that the page calls its own by `rel=canonical`."""
    needs_script: bool
    """True if the page has no text before its scripts run."""
    wording: Wording


def read_markup(body: bytes, url: URL, *, robot: str, header: str = "", charset: str = "") -> Markup:
    """Return the first 10,000 http(s) links and the directives.

    `robot` is the name of this crawler, `header` the page's `X-Robots-Tag`.
    """
    reader = _Reader(robot)
    for value, attributes in _pieces_of(_decoded(body, charset)):
        if attributes is None:
            reader.read_text(value)
        else:
            reader.read_tag(value, attributes)
    return reader.to_markup(url, header)


class _Reader:
    """Collects tags and text; addresses are resolved at the end, because `base` may follow the first of them."""

    def __init__(self, robot: str) -> None:
        self._robot = robot.lower()
        self._base: str | None = None
        self._directives: set[str] = set()
        self._links: dict[str, bool] = {}
        self._is_truncated = False
        self._refresh = ""
        self._canonical = ""
        self._noscript = 0
        self._has_script = False
        self._wording = Wording()
        self._shown_words = 0

    def read_text(self, text: str) -> None:
        before = len(self._wording.lengths)
        self._wording.add(text)
        if not self._noscript:
            self._shown_words += sum(self._wording.lengths[before:])

    def read_tag(self, name: str, attributes: dict[str, str]) -> None:
        relation = attributes.get("rel", "").lower().split()
        match name:
            case "base" if self._base is None and attributes.get("href"):
                self._base = attributes["href"]
            case "meta" if attributes.get("http-equiv", "").strip().lower() == "refresh":
                # Browsers that run scripts ignore what is inside `noscript`.
                if not self._noscript:
                    self._refresh = self._refresh or attributes.get("content", "")
            case "meta" if attributes.get("name", "").lower() in {"robots", self._robot}:
                self._directives.update(attributes.get("content", "").lower().replace(",", " ").split())
            case "a" | "area" if attributes.get("href"):
                self._add_link(attributes["href"], is_followed="nofollow" not in relation)
            case "link" if not {"next", "prev"}.isdisjoint(relation) and attributes.get("href"):
                self._add_link(attributes["href"], is_followed=True)
            case "link" if "canonical" in relation:
                self._canonical = self._canonical or attributes.get("href", "")
            case "iframe" | "frame" if attributes.get("src"):
                self._add_link(attributes["src"], is_followed=True)
            case "script":
                self._has_script = True
            case "noscript":
                self._noscript += 1
            case "/noscript":
                self._noscript = max(0, self._noscript - 1)

    def to_markup(self, url: URL, header: str) -> Markup:
        base = (link_to(url, self._base) if self._base else None) or url
        directives = self._directives | set(_directives_in(header, self._robot))
        followed, unfollowed = dict[URL, None](), dict[URL, None]()
        for address, is_followed in self._links.items():
            target = link_to(base, address)
            if target is not None:
                (followed if is_followed else unfollowed)[target] = None
        return Markup(
            targets=tuple(followed),
            unfollowed=tuple(target for target in unfollowed if target not in followed),
            is_truncated=self._is_truncated,
            is_indexed=directives.isdisjoint({"noindex", "none"}),
            is_followed=directives.isdisjoint({"nofollow", "none"}),
            refresh=self._redirect(base, url),
            canonical=link_to(base, self._canonical) if self._canonical else None,
            needs_script=self._has_script and self._shown_words <= _MAX_SHELL_WORDS,
            wording=self._wording,
        )

    def _add_link(self, address: str, *, is_followed: bool) -> None:
        if address not in self._links and len(self._links) >= _MAX_LINKS:
            self._is_truncated = True
            return
        self._links[address] = self._links.get(address, False) or is_followed

    def _redirect(self, base: URL, url: URL) -> URL | None:
        found = _REFRESH.match(self._refresh)
        if found is None or int(found[1] or 0) > _MAX_REDIRECT_SECONDS or self._wording.words > _MAX_REDIRECT_WORDS:
            return None
        address = found[3].partition(found[2])[0] if found[2] else found[3]
        target = link_to(base, address)
        return target if target != url else None


def _decoded(body: bytes, charset: str) -> str:
    try:
        encoding = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        encoding = "utf-8"
    return body.decode(encoding if _ENCODING.match(encoding) else "utf-8", "replace").removeprefix("\ufeff")


def _pieces_of(text: str) -> Iterator[_Piece]:
    """Yield the tags, and the text between them that a reader sees."""
    start, position = 0, text.find("<")
    while position >= 0:
        end, tag = position, None
        if text.startswith(_COMMENT[0], position):
            end = text.find(_COMMENT[1], position + 2)
            end = len(text) if end < 0 else end + len(_COMMENT[1])
        elif tag := _TAG.match(text, position, position + _MAX_TAG_CHARACTERS):
            end = tag.end()
        if end > position:
            yield text[start:position], None
            start = end
        if tag is not None:
            name = tag["name"].lower()
            yield name, _attributes_of(tag["attributes"])
            if name in _END_TAGS:
                found = re.compile(_END_TAGS[name], re.IGNORECASE).search(text, end)
                start = end = found.start() if found else len(text)
        position = text.find("<", max(end, position + 1))
    yield text[start:], None


def _attributes_of(text: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(text):
        attributes.setdefault(name.lower(), html.unescape("".join(values)))
    return attributes


def _directives_in(header: str, robot: str) -> Iterator[str]:
    """Yield the directives for all crawlers and for this one; `otherbot: noindex` addresses one crawler."""
    addressed = robot.lower()
    for part in header.lower().split(","):
        agent, colon, directive = part.rpartition(":")
        if agent.strip() in _DIRECTIVES_WITH_VALUE:
            continue
        addressed = agent.strip() if colon else addressed
        if addressed == robot.lower():
            yield directive.strip()
