"""Join pieces of text so that struck text, superscripts and subscripts keep their meaning without their look."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ingest.parsing.html.marks import lowered, raised

_STRIKE = "~~"
# The characters before and after a raised one decide whether it is a power or the mark of a note.
_CONTEXT = 40


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
        text = _with_scripts(list(group), parts[-1][-_CONTEXT:] if parts else "")
        core = text.strip()
        if is_struck and core:
            before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
            text = f"{before}{_STRIKE}{core}{_STRIKE}{after}"
        if text:
            parts.append(text)
    return "".join(parts)


def _with_scripts(pieces: Sequence[Piece], before: str) -> str:
    runs = [
        (script, "".join(piece.text for piece in group)) for script, group in groupby(pieces, key=lambda it: it.script)
    ]
    parts: list[str] = []
    for index, (script, text) in enumerate(runs):
        after = runs[index + 1][1][:_CONTEXT] if index + 1 < len(runs) else ""
        # A mark in brackets is one that the reader wrote, such as that of a footnote.
        is_marked = not script or text.lstrip().startswith("[")
        shown = text if is_marked else _script(text, before, after, is_above=script == "superscript")
        parts.append(shown)
        before = (before + shown)[-_CONTEXT:]
    return "".join(parts)


def _script(text: str, before: str, after: str, *, is_above: bool) -> str:
    core = text.strip()
    if not core or len(core) > _CONTEXT:
        return text
    marked = raised(core, before, after, is_link=False) if is_above else lowered(core, before)
    return f"{text[: len(text) - len(text.lstrip())]}{marked}{text[len(text.rstrip()) :]}"
