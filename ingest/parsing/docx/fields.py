"""Fields: instructions such as DATE or TOC, whose stored result is the text that a reader sees."""

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ingest.parsing.ooxml.package import is_on, number_of, value_of
from ingest.parsing.ooxml.symbols import symbol

PAGE_MARK = "\ue123"
"""Placeholder for a page number in a header or footer."""

_PAGE_NUMBERS = {"PAGE", "NUMPAGES", "SECTIONPAGES"}
# Fields that show text which is computed each time, or which only the instruction contains.
_COMPUTED = {"EQ", "AUTONUM", "AUTONUMLGL", "AUTONUMOUT", "LISTNUM"}
_SYMBOL = re.compile(r"SYMBOL\s+(0x[0-9a-f]+|\d+)(?:.*?\\f\s+\"?([^\"\\]+))?", re.IGNORECASE)
_BUTTON = re.compile(r"(?:MACROBUTTON|GOTOBUTTON)\s+\S+\s+(.*)", re.IGNORECASE | re.DOTALL)
_LINK = re.compile(r"HYPERLINK\s+\"([^\"]*)\"", re.IGNORECASE)
# Words around page numbers, in the languages of the usual templates.
_PAGE_WORDS = re.compile(
    r"(?:pages?|pg|p|of|seiten?|s|von|de|du|di|af|av|z|из|sur|página|pagina|pág|sida|side|strana|strona|stránka|str"
    r"|oldal|стр|страница|sivu|sayfa|第|共|页|頁|ページ)?",
    re.IGNORECASE,
)
_BETWEEN_PARTS = re.compile(r"(\t|\n| [|•·] )")
_NOT_WORDS = re.compile(r"[\W_]*\ue123[\W_]*")


@dataclass(slots=True)
class Field:
    """A field that is being read."""

    start: int
    """The number of pieces of text before its result."""
    paragraph: int
    in_result: bool = False
    instructions: list[str] = field(default_factory=list)
    form: Element | None = None

    @property
    def instruction(self) -> str:
        return " ".join("".join(self.instructions).split())

    @property
    def kind(self) -> str:
        return self.instruction.partition(" ")[0].upper()

    @property
    def is_page_number(self) -> bool:
        return self.kind in _PAGE_NUMBERS

    @property
    def is_computed(self) -> bool:
        """True if the field shows text that the file does not contain."""
        return self.kind in _COMPUTED

    @property
    def address(self) -> str:
        found = _LINK.match(self.instruction)
        return found[1] if found else ""

    def text(self) -> str:
        """Return what a field without a stored result shows, or "" if it shows nothing."""
        if self.form is not None and (box := self.form.find("checkBox")) is not None:
            checked = box.find("checked")
            return "☒" if is_on(box.find("default") if checked is None else checked) else "☐"
        if self.form is not None and (choices := self.form.find("ddList")) is not None:
            entries = [entry.get("val", "") for entry in choices.findall("listEntry")]
            chosen = number_of(value_of(choices, "result") or value_of(choices, "default"))
            return entries[chosen] if 0 <= chosen < len(entries) else ""
        if found := _SYMBOL.match(self.instruction):
            return symbol(int(found[1], 0) if found[1].startswith("0x") else int(found[1]), (found[2] or "").strip())
        button = _BUTTON.match(self.instruction)
        return button[1] if button else ""


def unmatched_fields(root: Element) -> set[int]:
    """Return the ids of the field characters without a partner. Without this the first would hide all that follows."""
    unmatched: set[int] = set()
    # For each open field its characters: the beginning, and the separator if there is one.
    stack: list[list[int]] = []
    for element in root.iter("fldChar"):
        match element.get("fldCharType"):
            case "begin":
                stack.append([id(element)])
            case "separate" if stack:
                stack[-1].append(id(element))
            case "end" if stack:
                stack.pop()
            case _:
                unmatched.add(id(element))
    return unmatched.union(*stack)


def without_page_numbers(text: str) -> str:
    """Return the text of a header or footer without its page numbers and the words around them."""
    if PAGE_MARK not in text:
        return text
    parts = _BETWEEN_PARTS.split(text)
    kept = [part if PAGE_MARK not in part else _without_marks(part) for part in parts]
    return "".join(kept).strip("\t |•·")


def _without_marks(part: str) -> str:
    words = re.findall(r"[^\W\d_]+", part)
    if all(_PAGE_WORDS.fullmatch(word) for word in words) and not re.search(r"\d", part):
        return ""
    return _NOT_WORDS.sub(" ", part)
