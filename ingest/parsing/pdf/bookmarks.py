"""Find the headings of a PDF by its bookmarks."""

import ctypes
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from ingest.parsing.text import one_line

# A hostile file can contain millions of bookmarks.
_MAX_BOOKMARKS = 20_000
# Deeper headings count as headings of this level.
_MAX_DEPTH = 6
_INSIGNIFICANT = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"(?:chapter|section|part|appendix|annex|kapitel|teil|anhang)?(?:\d+|[ivxlc]+|[a-z]\d*)?")


def bookmarks_of(document: pdfium.PdfDocument) -> Mapping[int, Sequence[tuple[int, str]]]:
    """Return the level and the title of the bookmarks of each page. Pages and levels start at 0."""
    by_page: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for level, handle in _walk(document):
        bookmark = pdfium.PdfBookmark(handle, document, level)
        target = bookmark.get_dest()
        page = target.get_index() if target else None
        if page is not None:
            by_page[page].append((level, one_line(bookmark.get_title())))
    return by_page


def _walk(document: pdfium.PdfDocument) -> Iterator[tuple[int, Any]]:
    """Return the bookmarks in reading order, each with its level, and each once: damaged files contain circles."""
    seen: set[int] = set()
    waiting = [(0, raw.FPDFBookmark_GetFirstChild(document, None))]
    while waiting and len(seen) < _MAX_BOOKMARKS:
        level, handle = waiting.pop()
        address = ctypes.cast(handle, ctypes.c_void_p).value if handle else None
        if not address or address in seen:
            continue
        seen.add(address)
        yield min(level, _MAX_DEPTH), handle
        waiting.append((level, raw.FPDFBookmark_GetNextSibling(document, handle)))
        waiting.append((level + 1, raw.FPDFBookmark_GetFirstChild(document, handle)))


def split_at_headings(text: str, bookmarks: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """Return level, heading and text of each part of a page. The first part has level -1 and no heading.

    A bookmark whose title is not a line of the page is left out.
    """
    if not bookmarks:
        yield -1, "", text
        return
    lines = text.splitlines(keepends=True)
    keys = [_key(line) for line in lines]
    level, heading, begin = -1, "", 0
    for next_level, title in bookmarks:
        key = _key(title)
        found = next((n for n in range(begin, len(lines)) if _length(keys, n, key)), None) if key else None
        if found is None:
            continue
        yield level, heading, "".join(lines[begin:found])
        level, begin = next_level, found + _length(keys, found, key)
        heading = one_line(" ".join(lines[found:begin]))
    yield level, heading, "".join(lines[begin:])


def _key(text: str) -> str:
    return _INSIGNIFICANT.sub("", text.casefold())


def _length(keys: Sequence[str], line: int, key: str) -> int:
    """Return how many lines from this one on are the title, with or without its number: 0, 1 or 2."""
    for count in (1, 2):
        candidate = "".join(keys[line : line + count])
        if candidate.endswith(key) and keys[line] and _NUMBER.fullmatch(candidate.removesuffix(key)):
            return count
    return 0
