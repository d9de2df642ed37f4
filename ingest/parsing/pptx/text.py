"""The text of shapes and notes: paragraphs, list numbers, links and looks."""

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from ingest.parsing.html.marks import address_beside
from ingest.parsing.numerals import numeral
from ingest.parsing.ooxml.equations import linear
from ingest.parsing.ooxml.package import Relation, child_of, number_of
from ingest.parsing.ooxml.symbols import with_symbols
from ingest.parsing.ooxml.typography import Piece, joined

_MAX_LEVEL = 8
_INDENT = "  "
_NUMBERS = {
    "arabic": "decimal",
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
    "circleNum": "decimalEnclosedCircle",
    "ea1": "chineseCounting",
}
_AROUND = {"Period": ("", "."), "ParenR": ("", ")"), "ParenBoth": ("(", ")"), "Minus": ("", " -")}
_STRUCK = {"sngStrike", "dblStrike"}


def text_of(body: Element | None, relations: Mapping[str, Relation], *, hides_numbers: bool = False) -> str:
    """Return the paragraphs of a text body as lines; list items keep their level and number."""
    if body is None:
        return ""
    return "\n".join(_lines(body, relations, hides_numbers=hides_numbers))


def _lines(body: Element, relations: Mapping[str, Relation], *, hides_numbers: bool) -> Iterator[str]:
    styles = body.find("lstStyle")
    # For each level of a list the kind of its numbers and the number of its last item.
    counts: dict[int, tuple[str, int]] = {}
    for paragraph in body.iterfind("p"):
        text = joined(_pieces(paragraph, relations, hides_numbers=hides_numbers)).strip()
        if not text:
            continue
        look = paragraph.find("pPr")
        level = min(max(number_of(None if look is None else look.get("lvl")), 0), _MAX_LEVEL)
        label = _next_label(_bullet(look, styles, level), level, counts)
        if not label and level:
            label = "-"
        yield f"{_INDENT * (level - 1 if label == '-' and level else level)}{label} {text}" if label else text


def _bullet(look: Element | None, styles: Element | None, level: int) -> Element | None:
    """Return the element that describes the bullet or number of a paragraph, if the shape itself has one."""
    for element in (look, child_of(styles, f"lvl{level + 1}pPr")):
        for child in () if element is None else element:
            if child.tag in {"buNone", "buChar", "buAutoNum", "buBlip"}:
                return child
    return None


def _next_label(bullet: Element | None, level: int, counts: dict[int, tuple[str, int]]) -> str:
    for deeper in [other for other in counts if other > level]:
        del counts[deeper]
    if bullet is None or bullet.tag != "buAutoNum":
        counts.pop(level, None)
        return "-" if bullet is not None and bullet.tag != "buNone" else ""
    kind, start = bullet.get("type", "arabicPeriod"), number_of(bullet.get("startAt"), 1)
    # A list goes on as long as its items have the same kind of number.
    key = f"{kind} {start}"
    known, last = counts.get(level, (key, start - 1))
    number = last + 1 if known == key else start
    counts[level] = key, number
    name = next((name for name in _NUMBERS if kind.startswith(name)), "arabic")
    before, after = next((marks for ending, marks in _AROUND.items() if kind.endswith(ending)), ("", ""))
    return f"{before}{numeral(number, _NUMBERS[name])}{after}"


def _pieces(paragraph: Element, relations: Mapping[str, Relation], *, hides_numbers: bool) -> Iterator[Piece]:
    for element in paragraph:
        match element.tag:
            case "r" | "fld":
                if not (hides_numbers and element.get("type") == "slidenum"):
                    yield from _run(element, relations)
            case "br":
                yield Piece("\n")
            case "m" | "AlternateContent":
                yield from (Piece(f" {linear(equation)} ") for equation in element.iter("oMath"))


def _run(run: Element, relations: Mapping[str, Relation]) -> Iterator[Piece]:
    text = (run.findtext("t") or "").replace("\v", "\n").replace("\t", " ")
    look = run.find("rPr")
    if look is None:
        yield Piece(text)
        return
    font = look.find("sym")
    font = look.find("latin") if font is None else font
    raised = number_of(look.get("baseline", "0").rstrip("%"))
    script = "superscript" if raised > 0 else "subscript" if raised < 0 else ""
    text = with_symbols(text, "" if font is None else font.get("typeface", ""))
    yield Piece(text, look.get("strike") in _STRUCK, script)
    link = look.find("hlinkClick")
    relation = None if link is None else relations.get(link.get("r:id", ""))
    if relation and relation.is_external and (address := address_beside(text, {"href": relation.target}, "")):
        yield Piece(f" ({address})")
