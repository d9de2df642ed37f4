"""Properties that paragraphs and runs get from the styles of a document: headings, numbers, hidden and struck text."""

import re
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from ingest.parsing.ooxml.package import child_of, hex_number_of, is_on, is_on_attribute, number_of, value_of

_MAX_CHAIN = 20
# The bit of `tblLook` for the first row, in the form before Word 2010.
_FIRST_ROW = 0x20
_BODY_TEXT = 9
"""The outline level of paragraphs that are not headings."""
# Word writes the English names of its styles into files of every language. Other programs translate them.
_HEADING = re.compile(
    r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|overskrift|otsikko|nagłówek|nadpis|címsor|заголовок"
    r"|başlık|標題|标题|見出し|제목) ?([1-9])",  # noqa: RUF001
    re.IGNORECASE,
)
_CONTENTS = re.compile(r"toc ?[1-9]|table of figures|table of authorities|index ?[1-9]", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How text looks, as far as it changes what a reader understands."""

    is_hidden: bool = False
    is_struck: bool = False
    is_bold: bool = False
    script: str = ""
    """`superscript` or `subscript`, or empty."""
    font: str = ""
    """The font of symbols."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A paragraph or character style, with all that it inherits."""

    id: str = ""
    level: int = 0
    """1 for the outermost headings; 0 for text."""
    is_title: bool = False
    is_contents: bool = False
    """True for the lines of a table of contents."""
    number_id: str = ""
    number_level: int = 0
    look: Look = Look()


class Styles:
    """The styles of a document by their ids."""

    def __init__(self, root: Element | None) -> None:
        elements = [] if root is None else root.findall("style")
        self._elements = {element.get("styleId", ""): element for element in elements}
        self._defaults = look_of(child_of(root, "docDefaults/rPrDefault/rPr"), Look())
        self._known: dict[str, Style] = {}
        self._default = next(
            (
                element.get("styleId", "")
                for element in elements
                if element.get("type") == "paragraph" and is_on_attribute(element.get("default"))
            ),
            "",
        )

    def paragraph_style(self, properties: Element | None) -> Style:
        return self.style(value_of(properties, "pStyle") or self._default)

    def style(self, id: str) -> Style:
        """Return a style. A style that is not defined has the meaning of its id, such as `Heading1`."""
        chain: dict[str, None] = {}
        name = id
        # A damaged file can have a circle of styles.
        while name and name not in self._known and name not in chain:
            chain[name] = None
            name = value_of(self._elements.get(name), "basedOn")
        style = self._known.get(name) or Style(look=self._defaults)
        for name in reversed(chain):
            style = self._known[name] = _derived(style, name, self._elements.get(name))
        return style

    def run_look(self, properties: Element | None, paragraph: Look) -> Look:
        """Return the look of a run in a paragraph whose style has the look `paragraph`."""
        if properties is None:
            return paragraph
        look = paragraph
        if character_style := value_of(properties, "rStyle"):
            for element in self._chain(character_style):
                look = look_of(element.find("rPr"), look)
        return look_of(properties, look)

    def has_bold_first_row(self, table: Element) -> bool:
        """Return True if the style of a table writes its first row in bold, and the table uses that."""
        options = table.find("tblPr/tblLook")
        if options is None or not (
            is_on_attribute(options.get("firstRow")) or hex_number_of(options.get("val")) & _FIRST_ROW
        ):
            return False
        styles = self._chain(value_of(table.find("tblPr"), "tblStyle"))
        rows = [row for style in styles for row in style.findall("tblStylePr") if row.get("type") == "firstRow"]
        return any(is_on(row.find("rPr/b")) for row in rows)

    def _chain(self, id: str) -> list[Element]:
        """Return a style after the styles on which it is based."""
        chain: list[Element] = []
        while (element := self._elements.get(id)) is not None and element not in chain and len(chain) < _MAX_CHAIN:
            chain.append(element)
            id = value_of(element, "basedOn")
        return chain[::-1]


def look_of(properties: Element | None, inherited: Look) -> Look:
    """Return the look that run properties give, on top of the inherited one."""
    if properties is None:
        return inherited
    look = inherited
    for element in properties:
        match element.tag:
            case "vanish":
                look = replace(look, is_hidden=is_on(element))
            case "strike" | "dstrike":
                look = replace(look, is_struck=is_on(element))
            case "b":
                look = replace(look, is_bold=is_on(element))
            case "vertAlign":
                look = replace(look, script=element.get("val", "").replace("baseline", ""))
            case "rFonts":
                look = replace(look, font=element.get("ascii", element.get("hAnsi", look.font)))
    return look


def level_of(outline: str) -> int:
    """Return the heading level of an outline level, which counts from 0."""
    level = number_of(outline, _BODY_TEXT)
    return level + 1 if 0 <= level < _BODY_TEXT else 0


def _derived(base: Style, id: str, element: Element | None) -> Style:
    name = value_of(element, "name") or id
    paragraph = child_of(element, "pPr")
    outline = value_of(paragraph, "outlineLvl")
    heading = _HEADING.fullmatch(name.strip())
    if outline:
        level = level_of(outline)
    else:
        level = int(heading[1]) if heading else base.level
    numbering = child_of(paragraph, "numPr")
    return Style(
        id=id,
        level=level,
        is_title=name.lower() == "title" or (base.is_title and not heading),
        is_contents=bool(_CONTENTS.fullmatch(name)) or base.is_contents,
        number_id=value_of(numbering, "numId") or base.number_id,
        number_level=number_of(value_of(numbering, "ilvl"), base.number_level),
        look=look_of(child_of(element, "rPr"), base.look),
    )
