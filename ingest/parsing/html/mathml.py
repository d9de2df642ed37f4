"""Write MathML formulas as linear text, such as `(a + b)/c` and `x_1^2`."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborNode

_TEXT = "-text"
_HIDDEN = {"annotation", "annotation-xml", "mphantom", "none", "mprescripts"}
_TEX = "application/x-tex"
_DISPLAY_STYLE = re.compile(r"\A\{?\\(?:display|text)style\s*(.*?)\}?\Z", re.DOTALL)
_SPACED = set("=<>≤≥≈≠≡+-\u2212±∓\u00d7·÷→←↔⇒⇔∈∉⊂⊆\u222a∩∧\u2228∝\u223c")
_INVISIBLE = re.compile(r"[\u2061-\u2064]")
_SIMPLE = re.compile(r"[\w.,\u2032']+|.|\(.*\)", re.DOTALL)
# Deeper formulas are written without structure, because the converter calls itself for each level.
_MAX_DEPTH = 60


def linear(formula: LexborNode) -> str:
    """Return a `math` element as one line: its TeX source if it has one."""
    source = formula.css_first(f"annotation[encoding='{_TEX}']")
    tex = source.text() if source is not None else formula.attrs.sget("alttext")
    if tex.strip():
        return linear_tex(tex)
    return " ".join(_INVISIBLE.sub("", _row(formula, 0)).split())


def linear_tex(source: str) -> str:
    """Return TeX source as one line, without the commands that only choose a size."""
    style = _DISPLAY_STYLE.match(source.strip())
    return " ".join((style[1] if style else source).split())


def _row(node: LexborNode, depth: int) -> str:
    parts: list[str] = []
    for child in _children(node):
        text = _written(child, depth + 1)
        if child.tag == "mo" and text in _SPACED and parts:
            text = f" {text} "
        parts.append(text)
    return "".join(parts)


def _written(node: LexborNode, depth: int) -> str:
    tag = node.tag or ""
    if depth > _MAX_DEPTH or tag in {"mi", "mn", "mo", "mtext", "ms", "mspace"}:
        return " ".join(node.text().split()) if tag != "mspace" else " "
    if tag == "mtable":
        rows = (", ".join(_row(cell, depth + 1) for cell in _children(row)) for row in _children(node))
        return f"[{'; '.join(rows)}]"
    if tag == "mfenced":
        inner = ", ".join(_written(child, depth + 1) for child in _children(node))
        return f"{node.attrs.sget('open') or '('}{inner}{node.attrs.sget('close') or ')'}"
    if tag == "msqrt":
        return f"√({_row(node, depth)})"
    return _scripted(tag, node, depth)


def _scripted(tag: str, node: LexborNode, depth: int) -> str:
    """Return an element whose children have different roles; one with the wrong number of children is a row."""
    children = list(_children(node)) if tag in _ROLES else []
    if len(children) != len(_ROLES.get(tag, " ")):
        return _row(node, depth)
    base, *rest = (_written(child, depth + 1) for child in children)
    if tag == "mfrac":
        is_choice = node.attrs.sget("linethickness").startswith("0")
        return f"({base} choose {rest[0]})" if is_choice else f"{_grouped(base)}/{_grouped(rest[0])}"
    if tag == "mroot":
        return f"root[{rest[0]}]({base})"
    if tag == "mover" and len(rest[0]) == 1 and not rest[0].isalnum():
        return base + rest[0]
    base = base if tag.startswith(("mu", "mo")) else _grouped(base)
    return base + "".join(mark + _grouped(text) for mark, text in zip(_ROLES[tag][1:], rest, strict=True))


_ROLES = {
    "mfrac": "n/",
    "mroot": "nr",
    "msup": "n^",
    "msub": "n_",
    "msubsup": "n_^",
    "mover": "n^",
    "munder": "n_",
    "munderover": "n_^",
}
"""For each element the mark before each child; the first child is the base."""


def _grouped(text: str) -> str:
    return text if _SIMPLE.fullmatch(text.strip()) else f"({text.strip()})"


def _children(node: LexborNode) -> Iterator[LexborNode]:
    for child in node.iter(include_text=True):
        if child.tag not in _HIDDEN and (child.tag != _TEXT or (child.text_content or "").strip()):
            yield child
