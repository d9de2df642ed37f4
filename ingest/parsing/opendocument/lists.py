"""Number the lists and headings of OpenDocument texts, whose numbers are not in the text."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ingest.parsing.numerals import numeral

_FORMATS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
"""Names that `numeral` has for the forms of numbers."""
_MAX_INDENT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """How one level of a list or of the headings is numbered."""

    form: str
    """1, a, A, i or I; empty for bullets."""
    prefix: str = ""
    suffix: str = ""
    start: int = 1
    shown: int = 1
    """How many levels a number shows: 2 in 3.1."""


_BULLET = _Level(form="")


class Numbering:
    """The counters of a document's lists and headings."""

    def __init__(self, content: Element, styles: Element) -> None:
        self._styles = {
            style.get("name", ""): _levels(style) for root in (styles, content) for style in root.iter("list-style")
        }
        self._style_of_paragraph = {
            style.get("name", ""): style.get("list-style-name", "")
            for root in (styles, content)
            for style in root.iter("style")
            if style.get("list-style-name")
        }
        outline = next(styles.iter("outline-style"), None)
        self._outline = _levels(outline) if outline is not None else {}
        self._headings: dict[int, int] = {}
        self._last: dict[str, dict[int, int]] = {}
        """By style, the counters of the list that another one may continue."""
        self._lists: dict[str, dict[int, int]] = {}

    def of_heading(self, heading: Element) -> str:
        """Return the heading's number and a space, or "" if headings of its level are not numbered."""
        depth = _int(heading.get("outline-level"), 1)
        level = self._outline.get(depth)
        if level is None or not level.form or heading.get("is-list-header") == "true":
            return ""
        return f"{_next(self._headings, depth, level, self._outline, heading.get('start-value'))} "

    def open_list(self, element: Element, lines_of: Callable[[Element], Iterator[str]]) -> Iterator[str]:
        """Yield the lines of a list with their numbers; `lines_of` returns the text of one item."""
        style = element.get("style-name", "") or next(
            (self._style_of_paragraph.get(item.get("style-name", ""), "") for item in element.iter("p")), ""
        )
        continued = element.get("continue-list", "")
        if continued in self._lists:
            counters = self._lists[continued]
        elif element.get("continue-numbering") == "true":
            counters = self._last.get(style, {})
        else:
            counters = {}
        self._last[style] = counters
        if name := element.get("id"):
            self._lists[name] = counters
        yield from self._items(element, self._styles.get(style, {}), counters, 1, lines_of)

    def _items(
        self,
        element: Element,
        levels: Mapping[int, _Level],
        counters: dict[int, int],
        depth: int,
        lines_of: Callable[[Element], Iterator[str]],
    ) -> Iterator[str]:
        level = levels.get(depth, _BULLET)
        indent = "  " * min(depth - 1, _MAX_INDENT)
        for item in element:
            if item.tag not in {"list-item", "list-header"}:
                continue
            lines = list(lines_of(item))
            marker = ""
            # An item that begins with a nested list has no number of its own.
            if lines and item.tag == "list-item":
                has_number = bool(level.form)
                marker = f"{_next(counters, depth, level, levels, item.get('start-value'))} " if has_number else "- "
            for index, line in enumerate(lines):
                yield f"{indent}{marker if index == 0 else ' ' * len(marker)}{line}"
            for child in item:
                if child.tag == "list":
                    inner = self._styles.get(child.get("style-name", ""), levels)
                    yield from self._items(child, inner, counters, depth + 1, lines_of)


def _levels(style: Element) -> dict[int, _Level]:
    return {
        _int(level.get("level"), 1): _Level(
            form=level.get("num-format", "") if level.tag != "list-level-style-bullet" else "",
            prefix=level.get("num-prefix", ""),
            suffix=level.get("num-suffix", ""),
            start=_int(level.get("start-value"), 1),
            shown=_int(level.get("display-levels"), 1),
        )
        for level in style
        if level.get("level")
    }


def _next(counters: dict[int, int], depth: int, level: _Level, levels: Mapping[int, _Level], start: str | None) -> str:
    """Count one more item at a depth and return its number as the reader sees it."""
    for deeper in [known for known in counters if known > depth]:
        del counters[deeper]
    counters[depth] = _int(start, counters.get(depth, level.start - 1) + 1)
    shown = range(max(1, depth - level.shown + 1), depth + 1)
    parts = [(levels.get(part, level), counters.get(part, levels.get(part, level).start)) for part in shown]
    number = ".".join(numeral(count, _FORMATS.get(at.form, "decimal")) for at, count in parts if at.form)
    return f"{level.prefix}{number}{level.suffix}"


def _int(value: str | None, default: int) -> int:
    return int(value) if value and value.isdecimal() and len(value) < 10 else default
