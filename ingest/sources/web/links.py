"""Read the links and the robots directives of a page.

An HTML parser can take quadratic time on hostile pages. This module reads only tags, in linear time.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from yarl import URL

from ingest.sources.web.urls import link_to

_TAG: Final = re.compile(
    r"<(?P<name>[a-z]+)\b(?P<attributes>(?:[^<>\"']++|\"[^\"]{0,4000}+\"|'[^']{0,4000}+')*+)>", re.IGNORECASE
)
_ATTRIBUTE: Final = re.compile(r"([a-z-]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++))", re.IGNORECASE)
_MAX_TAG_CHARACTERS: Final = 10_000
_MAX_LINKS: Final = 10_000
# Directives with a value after a colon; without this list they would be taken for the name of a crawler.
_DIRECTIVES_WITH_VALUE: Final = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}
# Elements whose content is not HTML, with the start of their end tags.
_END_TAGS: Final = {"script": "</script", "style": "</style", "template": "</template", "textarea": "</textarea"}
_COMMENT: Final = ("<!--", "-->")


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The links of a page and its robots directives."""

    targets: tuple[URL, ...]
    is_indexed: bool
    """False if the page asks not to be indexed."""
    is_followed: bool
    """False if the page asks that its links are not followed."""


def read_links(body: bytes, url: URL, *, robot: str, header: str = "") -> Links:
    """Return the first 10,000 http(s) links in page order, and the robots directives.

    `robot` is the name of this crawler, `header` the page's `X-Robots-Tag`.
    """
    base, directives, targets = None, set(_directives_in(header, robot)), dict[URL, None]()
    for name, attributes in _tags_of(body.decode("utf-8-sig", "replace")):
        match name:
            case "base" if base is None and "href" in attributes:
                base = link_to(url, attributes["href"])
            case "meta" if attributes.get("name", "").lower() in {"robots", robot.lower()}:
                directives.update(attributes.get("content", "").lower().replace(",", " ").split())
            case "a" | "area" if (
                len(targets) < _MAX_LINKS and "nofollow" not in attributes.get("rel", "").lower().split()
            ):
                target = link_to(base or url, attributes["href"]) if attributes.get("href") else None
                if target is not None:
                    targets[target] = None
    return Links(
        targets=tuple(targets),
        is_indexed=directives.isdisjoint({"noindex", "none"}),
        is_followed=directives.isdisjoint({"nofollow", "none"}),
    )


def _tags_of(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    position = text.find("<")
    while position >= 0:
        if text.startswith(_COMMENT[0], position):
            position = text.find(_COMMENT[1], position + 2)
        elif tag := _TAG.match(text, position, position + _MAX_TAG_CHARACTERS):
            name = tag["name"].lower()
            yield name, _attributes_of(tag["attributes"])
            position = tag.end() - 1
            if name in _END_TAGS:
                end = re.compile(_END_TAGS[name], re.IGNORECASE).search(text, position)
                position = end.start() if end else -1
        position = text.find("<", position + 1) if position >= 0 else -1


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
