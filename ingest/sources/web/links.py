"""The links of a page, and what the page asks of crawlers.

A parser of whole pages takes quadratic time on hostile ones; tags alone are read here, once and from left to right.
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
_MAX_TAG: Final = 10_000
_MAX_TARGETS: Final = 10_000
# They have values of their own behind a colon, and so are no crawler's name.
_VALUED: Final = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}
# What stands between these is no part of the page.
_CLOSED_BY: Final = {"script": "</script", "style": "</style", "template": "</template", "textarea": "</textarea"}
_COMMENT: Final = ("<!--", "-->")


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where a page leads, and whether its owner wants it found, and its links followed."""

    targets: tuple[URL, ...]
    is_indexed: bool
    is_followed: bool


def read_links(body: bytes, url: URL, *, robot: str, header: str = "") -> Links:
    """The first ten thousand http(s) links in the page's order; `robot` is our name, `header` its `X-Robots-Tag`.

    Linear in time, so fit for any page.
    """
    base, asked, targets = None, set(_directives_in(header, robot)), dict[URL, None]()
    for name, attributes in _tags_of(body.decode("utf-8-sig", "replace")):
        match name:
            case "base" if base is None and "href" in attributes:
                base = link_to(url, attributes["href"])
            case "meta" if attributes.get("name", "").lower() in {"robots", robot.lower()}:
                asked.update(_words_of(attributes.get("content", "")))
            case "a" | "area" if (
                len(targets) < _MAX_TARGETS and "nofollow" not in attributes.get("rel", "").lower().split()
            ):
                target = link_to(base or url, attributes["href"]) if attributes.get("href") else None
                if target is not None and len(targets) < _MAX_TARGETS:
                    targets[target] = None
    return Links(
        targets=tuple(targets),
        is_indexed=asked.isdisjoint({"noindex", "none"}),
        is_followed=asked.isdisjoint({"nofollow", "none"}),
    )


def _tags_of(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    position = text.find("<")
    while position >= 0:
        if text.startswith(_COMMENT[0], position):
            position = text.find(_COMMENT[1], position + 2)
        elif found := _TAG.match(text, position, position + _MAX_TAG):
            name = found["name"].lower()
            yield name, _attributes_of(found["attributes"])
            position = found.end() - 1
            if name in _CLOSED_BY:
                position = _find_any_case(text, _CLOSED_BY[name], position)
        position = text.find("<", position + 1) if position >= 0 else -1


def _find_any_case(text: str, end: str, start: int) -> int:
    found = re.compile(re.escape(end), re.IGNORECASE).search(text, start)
    return found.start() if found else -1


def _attributes_of(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), html.unescape("".join(values)))
    return found


def _directives_in(header: str, robot: str) -> Iterator[str]:
    """A directive may be for one crawler only: `otherbot: noindex`."""
    addressed = robot.lower()
    for part in header.lower().split(","):
        agent, colon, directive = part.rpartition(":")
        if agent.strip() in _VALUED:
            continue
        addressed = agent.strip() if colon else addressed
        if addressed == robot.lower():
            yield directive.strip()


def _words_of(content: str) -> list[str]:
    return content.lower().replace(",", " ").split()
