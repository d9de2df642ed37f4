"""Compute the numbers of headings and list items, as Word does when it shows a document."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ingest.parsing.docx.styles import Style, Styles
from ingest.parsing.numerals import numeral
from ingest.parsing.ooxml.package import child_of, is_on, number_of, value_of

_LEVELS = 9
_PLACEHOLDER = re.compile(r"%([1-9])")
_BULLET = "-"
# The id with which a paragraph refuses the list of its style.
_NONE = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of a list."""

    kind: str = "decimal"
    text: str = ""
    """The number's text, such as `%1.%2`, where `%1` is the number of the outermost level."""
    start: int = 1
    restarts_after: int | None = None
    """Level from 1. The number restarts after a paragraph of this level or of one further out. 0: it never restarts."""
    is_legal: bool = False
    """True if all numbers in the text are decimal."""
    suffix: str = "tab"
    style: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """The number or bullet of a paragraph."""

    text: str
    level: int
    suffix: str = " "

    def before(self, text: str) -> str:
        return f"{self.text}{self.suffix}{text}" if self.text else text


class Numbering:
    """The counters of all lists. `next_label` must be called for the paragraphs in their order."""

    def __init__(self, root: Element | None, styles: Styles) -> None:
        self._styles = styles
        self._abstract = {
            element.get("abstractNumId", ""): element for element in ([] if root is None else root.iter("abstractNum"))
        }
        self._nums = {element.get("numId", ""): element for element in ([] if root is None else root.findall("num"))}
        self._counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
        """The current number of each level, by the id of the list's definition."""
        self._levels: dict[str, Mapping[int, Level]] = {}
        self._begun: set[tuple[str, int]] = set()

    def next_label(self, properties: Element | None, style: Style) -> Label | None:
        """Return the label of the next paragraph, or None if it is not numbered."""
        direct = child_of(properties, "numPr")
        number_id = value_of(direct, "numId") or style.number_id
        num = self._nums.get(number_id)
        if num is None or number_id == _NONE:
            return None
        abstract_id = self._abstract_id(num)
        levels = self._levels_of(number_id, num, abstract_id)
        index = self._level_index(direct, style, levels)
        level = levels.get(index)
        if level is None:
            return None
        counts = self._counts[abstract_id]
        self._count(counts, levels, number_id, num, index)
        return _label(levels, counts, index)

    def _abstract_id(self, num: Element) -> str:
        """Return the id of a list's definition, which can be in another list that a style names."""
        id = value_of(num, "abstractNumId")
        if link := value_of(self._abstract.get(id), "numStyleLink"):
            linked = self._nums.get(self._styles.style(link).number_id)
            return value_of(linked, "abstractNumId", id)
        return id

    def _levels_of(self, number_id: str, num: Element, abstract_id: str) -> Mapping[int, Level]:
        if number_id not in self._levels:
            abstract = self._abstract.get(abstract_id)
            levels = {} if abstract is None else _levels_in(abstract)
            for override in num.findall("lvlOverride"):
                levels |= _levels_in(override)
            self._levels[number_id] = levels
        return self._levels[number_id]

    def _level_index(self, direct: Element | None, style: Style, levels: Mapping[int, Level]) -> int:
        if level := value_of(direct, "ilvl"):
            return min(max(number_of(level), 0), _LEVELS - 1)
        # A level names the style that it numbers; the style itself often does not name its level.
        linked = (index for index, level in levels.items() if style.id and level.style == style.id)
        return next(linked, style.number_level)

    def _count(
        self, counts: dict[int, int], levels: Mapping[int, Level], number_id: str, num: Element, index: int
    ) -> None:
        if (start := self._restart(number_id, num, index)) is not None:
            counts[index] = start
        elif index in counts:
            counts[index] += 1
        else:
            counts[index] = levels[index].start
        for deeper in [level for level in counts if level > index]:
            after = levels[deeper].restarts_after if deeper in levels else None
            if after is None or index < after:
                del counts[deeper]

    def _restart(self, number_id: str, num: Element, index: int) -> int | None:
        """Return the number with which a list restarts at its first paragraph, if it overrides the start."""
        if (number_id, index) in self._begun:
            return None
        self._begun.add((number_id, index))
        for override in num.findall("lvlOverride"):
            start = value_of(override, "startOverride")
            if start and number_of(override.get("ilvl")) == index:
                return number_of(start, 1)
        return None


def _levels_in(parent: Element) -> dict[int, Level]:
    return {number_of(element.get("ilvl")): _to_level(element) for element in parent.findall("lvl")}


def _to_level(element: Element) -> Level:
    restart = value_of(element, "lvlRestart")
    # A format that older versions of Word do not know is nested in an element with alternatives.
    kind = element.find("numFmt")
    kind = next(element.iter("numFmt"), None) if kind is None else kind
    return Level(
        kind="decimal" if kind is None else kind.get("val", "decimal"),
        text=value_of(element, "lvlText"),
        start=number_of(value_of(element, "start"), 0 if element.find("start") is None else 1),
        restarts_after=number_of(restart) if restart else None,
        is_legal=is_on(element.find("isLgl")),
        suffix=value_of(element, "suff", "tab"),
        style=value_of(element, "pStyle"),
    )


def _label(levels: Mapping[int, Level], counts: Mapping[int, int], index: int) -> Label:
    level = levels[index]
    if level.kind == "bullet":
        # Symbols become a dash. A word, such as "Note", is text that a reader sees.
        is_word = len(level.text) > 1 and level.text.isascii() and any(map(str.isalpha, level.text))
        return Label(level.text if is_word else _BULLET, index)

    def number(placeholder: re.Match[str]) -> str:
        other = int(placeholder[1]) - 1
        shown = levels.get(other, Level())
        is_decimal = level.is_legal and shown.kind not in {"none", "bullet"}
        return numeral(counts.get(other, shown.start), "decimal" if is_decimal else shown.kind)

    text = _PLACEHOLDER.sub(number, level.text).strip()
    return Label(text, index, "" if level.suffix == "nothing" else " ")
