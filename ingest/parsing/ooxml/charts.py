"""Read charts: the title, and a table of the values that the file stores for the drawing."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from xml.etree.ElementTree import Element

from ingest.parsing.ooxml.drawings import paragraphs_of
from ingest.parsing.ooxml.number_format import display, plain
from ingest.parsing.ooxml.package import number_of
from ingest.parsing.tables.row import Row

_MAX_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class Chart:
    """The text of a chart."""

    title: str = ""
    rows: tuple[Row, ...] = ()
    """A header row with the names of the series, and a row for each category. Empty without stored values."""


def read_chart(root: Element | None) -> Chart:
    """Return the chart, an empty one if the file lacks it."""
    if root is None:
        return Chart()
    title = root.find("chart/title")
    axes = [" ".join(paragraphs_of(axis)) for axis in root.findall("chart/plotArea/*/title")]
    words = [] if title is None else list(paragraphs_of(title)) or _cached(title)
    name = " ".join(words)
    labels = ", ".join(filter(None, axes))
    series = [element for element in root.iter() if element.tag in {"ser", "series"}]
    return Chart(f"{name} ({labels})" if name and labels else name or labels, tuple(_rows(series)))


def _rows(series: list[Element]) -> Iterator[Row]:
    names: list[str] = []
    categories: dict[int, str] = {}
    columns: list[dict[int, str]] = []
    for number, element in enumerate(series, 1):
        names.append(" ".join(_cached(element.find("tx"))) or f"Series {number}")
        for tag in ("cat", "xVal"):
            for index, value in _points(element.find(tag)):
                categories.setdefault(index, value)
        for tag in ("val", "yVal"):
            if points := dict(_points(element.find(tag))):
                columns.append(points)
                break
        else:
            columns.append({})
        if sizes := dict(_points(element.find("bubbleSize"))):
            names.append(f"{names[-1]} (size)")
            columns.append(sizes)
    indexes = sorted({index for column in columns for index in column} | set(categories))
    if not indexes:
        return
    yield Row(cells=("", *names), is_header=True)
    for index in indexes:
        yield Row(cells=(categories.get(index, str(index + 1)), *(column.get(index, "") for column in columns)))


def _points(parent: Element | None) -> Iterator[tuple[int, str]]:
    """Yield the index and the value of the stored points; several levels of categories are joined."""
    if parent is None:
        return
    levels = parent.findall(".//lvl")
    if len(levels) > 1:
        yield from _joined_levels(levels)
        return
    code = parent.findtext(".//formatCode") or ""
    for point in parent.iter("pt"):
        index = number_of(point.get("idx"))
        if 0 <= index < _MAX_POINTS and (value := point.findtext("v")):
            yield index, _shown(value.strip(), point.get("formatCode") or code)


def _joined_levels(levels: list[Element]) -> Iterator[tuple[int, str]]:
    """Join the levels from the outermost, which is the last and names only the first point of each group."""
    inner, *outer = [{number_of(pt.get("idx")): pt.findtext("v") or "" for pt in level.iter("pt")} for level in levels]
    current = [""] * len(outer)
    for index in sorted(inner):
        for place, level in enumerate(outer):
            current[place] = level.get(index, current[place])
        yield index, " / ".join(filter(None, [*reversed(current), inner[index]]))


def _cached(parent: Element | None) -> list[str]:
    return [] if parent is None else [value.text.strip() for value in parent.iter("v") if value.text]


def _shown(value: str, code: str) -> str:
    """Return a stored number as the chart shows it, such as `25%`."""
    try:
        number = float(value)
    except ValueError:
        return value
    if not isfinite(number):
        return value
    return display(number, code) if code and code != "General" else plain(number)
