"""Join pieces of text so that struck text, superscripts and subscripts keep their meaning without their look."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

_STRIKE: Final = "~~"
# Endings of ordinal numbers and marks that are read as part of the word before them: 1st, 2e, 3ª, Brand™.
_PLAIN_SUPERSCRIPT: Final = re.compile(r"st|nd|rd|th|er|ère|re|e|ème|d|de|ste|te|º|ª|o|a|™|®|©|TM|SM|R|°|\*+|†|‡")
_SIMPLE: Final = re.compile(r"[\w.,]+|[-+\u2212]?\d+|[-+\u2212]")
_FORMULA: Final = re.compile(r"[\d+\u2212-]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text with one look."""

    text: str
    is_struck: bool = False
    script: str = ""
    """`superscript` or `subscript`, or empty."""


def joined(pieces: Iterable[Piece]) -> str:
    """Return the text of a paragraph: `~~120~~` for struck text, `10^6` for a superscript, `H2O`, `v_max`."""
    parts: list[str] = []
    for is_struck, group in groupby(pieces, key=lambda piece: piece.is_struck):
        text = _with_scripts(list(group), parts[-1][-1:] if parts else "")
        core = text.strip()
        if is_struck and core:
            before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
            text = f"{before}{_STRIKE}{core}{_STRIKE}{after}"
        if text:
            parts.append(text)
    return "".join(parts)


def _with_scripts(pieces: Sequence[Piece], before: str) -> str:
    parts: list[str] = []
    for script, group in groupby(pieces, key=lambda piece: piece.script):
        text = "".join(piece.text for piece in group)
        if script and (before.isalnum() or before in {")", "]"}):
            text = _script(text, before, is_above=script == "superscript")
        parts.append(text)
        before = text[-1:] or before
    return "".join(parts)


def _script(text: str, before: str, *, is_above: bool) -> str:
    core = text.strip()
    if not core or core.startswith("["):
        return text
    if is_above and _PLAIN_SUPERSCRIPT.fullmatch(core) and (before.isdigit() or not core.isalpha() or core in _BRANDS):
        return text
    if not is_above and before.isalpha() and _FORMULA.fullmatch(core):
        # Chemical formulas are written and searched without marks.
        return text
    mark = "^" if is_above else "_"
    return f"{mark}{core}{text[len(text.rstrip()) :]}" if _SIMPLE.fullmatch(core) else f"{mark}({core})"


_BRANDS: Final = {"TM", "SM", "R"}
