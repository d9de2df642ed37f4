"""Recognise the structure of reStructuredText in its lines: headings, and where indented text ends."""

import re
from collections.abc import Sequence

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*\s*")
EXPLICIT = re.compile(r"\.\.(?:\s|$)|__ ")
_FIELD = re.compile(r"[A-Z][\w-]{0,30}: \S")
_TITLE_FIELD = re.compile(r"^:?Title: *(.+)$", re.MULTILINE)
_BULLET = r"(?:[-*+\u2022]|\(?(?:\d{1,3}|[a-zA-Z#])[.)])\s+"
_ARGUMENT = r"(?:[ =][\w<>\[\]]{1,60})?"
_FLAG = rf"(?:-{{1,2}}|/)\w[\w-]{{0,60}}{_ARGUMENT}(?:, ?-{{1,2}}\w[\w-]{{0,60}}{_ARGUMENT}){{0,3}}(?:\s{{2,}}|\s*$)"
ITEM = re.compile(rf"\s*{_BULLET}|\s*(?::[^:\n]+:|\|)\s+|\s*{_FLAG}")
_QUOTE = re.compile(r"[!-/:-@\[-`{-~]")


def header_of(lines: Sequence[str]) -> tuple[int, str]:
    """Return the number of `Name: value` lines at the start of a document such as a PEP, and its title."""
    if not lines or not _FIELD.match(lines[0]):
        return 0, ""
    end = next((index for index, line in enumerate(lines) if not line.strip()), len(lines))
    title = _TITLE_FIELD.search("\n".join(lines[:end]))
    return (end, title[1]) if title else (0, "")


def heading_at(lines: Sequence[str], index: int) -> tuple[str, int]:
    """Return the style of the heading at `index` and its number of lines, which is 0 without a heading."""
    one, two, three = (*lines[index : index + 3], "", "", "")[:3]
    if index > 0 and lines[index - 1].strip() and not EXPLICIT.match(lines[index - 1]):
        return "", 0
    if _ADORNMENT.fullmatch(one):
        is_framed = two.strip() and _ADORNMENT.fullmatch(three) and one.rstrip() == three.rstrip()
        fits = len(two.rstrip()) <= len(one.rstrip()) + 2
        return (f"{one[0]}{one[0]}", 3) if is_framed and fits else ("", 0)
    is_underlined = one[:1].strip() and not EXPLICIT.match(one) and _ADORNMENT.fullmatch(two)
    return (two[0], 2) if is_underlined and len(two.rstrip()) >= min(len(one.rstrip()), 4) else ("", 0)


def end_of_indented(lines: Sequence[str], index: int, indent: int) -> int:
    """Return the end of the lines from `index` on that are indented deeper than `indent`."""
    end = index
    while index < len(lines) and (not lines[index].strip() or indent_of(lines[index]) > indent):
        index += 1
        if lines[index - 1].strip():
            end = index
    return end


def is_definition(term: str, following: str) -> bool:
    is_hanging = indent_of(following) > indent_of(term)
    return is_hanging and not ITEM.match(term) and not term.rstrip().endswith("::")


def end_of_literal(lines: Sequence[str], index: int, indent: int) -> int:
    """Return the end of a literal block: of indented lines, or of lines that begin with the same sign."""
    end = end_of_indented(lines, index, indent)
    start = first_filled(lines, index, len(lines))
    if end > index or start >= len(lines) or not _QUOTE.match(lines[start][indent : indent + 1]):
        return end
    quote, end = lines[start][indent], start
    while end < len(lines) and lines[end][indent : indent + 1] == quote:
        end += 1
    return end


def first_filled(lines: Sequence[str], start: int, end: int) -> int:
    return next((index for index in range(start, end) if lines[index].strip()), end)


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())
