"""Read the styles of an XLSX file: the number format of each cell style, and which styles are bold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from ingest.parsing.number_format import BUILTIN_FORMATS

GENERAL: Final = "General"


@dataclass(frozen=True, slots=True)
class Style:
    """How a cell shows its value."""

    format: str = GENERAL
    is_bold: bool = False


PLAIN: Final = Style()


def read_styles(root: Element | None) -> tuple[Style, ...]:
    """Return the cell styles in the order in which cells number them."""
    if root is None:
        return ()
    parts = {_name(element): element for element in root}
    formats: dict[int, str] = dict(BUILTIN_FORMATS)
    for element in parts.get("numFmts", ()):
        formats[_number(element.attrib, "numFmtId")] = element.get("formatCode", GENERAL)
    bold = [_is_bold(font) for font in parts.get("fonts", ())]
    return tuple(
        Style(
            formats.get(_number(xf.attrib, "numFmtId"), GENERAL),
            (font := _number(xf.attrib, "fontId")) < len(bold) and bold[font],
        )
        for xf in parts.get("cellXfs", ())
    )


def _is_bold(font: Element) -> bool:
    return any(_name(element) == "b" and element.get("val") not in {"0", "false"} for element in font)


def _number(attributes: Mapping[str, str], key: str) -> int:
    text = attributes.get(key, "0")
    return int(text) if text.isdecimal() else 0


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]
