"""Write equations (OMML) in one line, such as `E = m c^2` or `(a + b)/c`."""

import re
from collections.abc import Callable, Iterable, Mapping
from xml.etree.ElementTree import Element

from ingest.parsing.ooxml.package import is_on, value_of

# An operand that needs no parentheses: one letter, or a number.
_SIMPLE = re.compile(r"\w?|[-\u2212]?\d+(?:[.,]\d+)?|[A-Za-z]'?")
_DEFAULT_ACCENT = "\u0302"
_OVERLINE = "\u0305"
# Deleted text, and elements with the look of their parent.
_UNSEEN = {"del", "moveFrom", "delText", "rPr", "ctrlPr", "instrText"}


def linear(equation: Element) -> str:
    """Return the equation as one line of text."""
    return " ".join(_text(equation).split())


def _text(element: Element | None) -> str:
    if element is None or element.tag in _UNSEEN or element.tag.endswith("Pr"):
        return ""
    write = _WRITERS.get(element.tag, _all)
    return write(element)


def _all(elements: Iterable[Element]) -> str:
    return "".join(map(_text, elements))


def _radical(element: Element) -> str:
    degree = "" if is_on(element.find("radPr/degHide")) else _text(element.find("deg")).strip()
    name = f"root_{_grouped(degree)}" if degree else "\u221a"
    return f"{name}({_text(element.find('e'))})"


def _with_limits(element: Element) -> str:
    """Return a sum, a product or an integral."""
    sign = value_of(element.find("naryPr"), "chr", "\u222b")
    return f"{sign}{_limits(element)} {_text(element.find('e'))}"


def _limits(element: Element) -> str:
    return _script("_", element.find("sub")) + _script("^", element.find("sup"))


def _invisible(element: Element) -> str:
    """Return the text of a phantom, which only takes room unless it is shown."""
    shown = element.find("phantPr/show")
    return _text(element.find("e")) if shown is None or is_on(shown) else ""


def _fraction(element: Element) -> str:
    above, below = _text(element.find("num")).strip(), _text(element.find("den")).strip()
    if value_of(element.find("fPr"), "type") == "noBar":
        return f"{above}\u00a6{below}"
    return f"{_grouped(above)}/{_grouped(below)}"


def _scripts(element: Element, *, below: Element | None = None, above: Element | None = None) -> str:
    return f"{_text(element.find('e')).rstrip()}{_script('_', below)}{_script('^', above)}"


def _script(mark: str, element: Element | None) -> str:
    text = _text(element).strip()
    return f"{mark}{_grouped(text)}" if text else ""


def _grouped(text: str) -> str:
    return text if _SIMPLE.fullmatch(text) else f"({text})"


def _delimited(element: Element) -> str:
    look = element.find("dPr")
    begin, end = value_of(look, "begChr", "("), value_of(look, "endChr", ")")
    parts = [child for child in element if child.tag == "e"]
    if len(parts) == 1 and [child.tag for child in parts[0] if not child.tag.endswith("Pr")] == ["m"]:
        # The delimiters of a matrix replace its own.
        return f"{begin}{_rows(next(parts[0].iter('m')))}{end}"
    return f"{begin}{value_of(look, 'sepChr', '|').join(map(_text, parts))}{end}"


def _rows(matrix: Element) -> str:
    rows = (row for row in matrix if row.tag == "mr")
    return "; ".join(", ".join(_text(cell).strip() for cell in row if cell.tag == "e") for row in rows)


def _accented(element: Element) -> str:
    base = _text(element.find("e")).strip()
    mark = _OVERLINE if element.tag == "bar" else value_of(element.find("accPr"), "chr", _DEFAULT_ACCENT)
    return f"{base}{mark}" if len(base) == 1 else base


_WRITERS: Mapping[str, Callable[[Element], str]] = {
    "t": lambda element: element.text or "",
    "br": lambda _: " ",
    "tab": lambda _: " ",
    "f": _fraction,
    "sSup": lambda element: _scripts(element, above=element.find("sup")),
    "sSub": lambda element: _scripts(element, below=element.find("sub")),
    "sSubSup": lambda element: _scripts(element, below=element.find("sub"), above=element.find("sup")),
    "limUpp": lambda element: _scripts(element, above=element.find("lim")),
    "limLow": lambda element: _scripts(element, below=element.find("lim")),
    "sPre": lambda element: f"{_limits(element)} {_text(element.find('e'))}",
    "rad": _radical,
    "nary": _with_limits,
    "d": _delimited,
    "func": lambda element: f"{_text(element.find('fName'))} {_text(element.find('e'))} ",
    "acc": _accented,
    "bar": _accented,
    "m": lambda element: f"[{_rows(element)}]",
    "eqArr": lambda element: "; ".join(_text(child).strip() for child in element if child.tag == "e"),
    "phant": _invisible,
}
