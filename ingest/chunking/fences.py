"""Code blocks that are cut: each piece is a code block again, so that what quotes or shows it keeps its lines."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

_FENCE: Final = re.compile(r"^[ \t]*(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)$", re.MULTILINE)
_EMPTY: Final = re.compile(r"^(`{3,}|~{3,})[^`\n]*\n+[ \t]*\1[ \t]*$\n*", re.MULTILINE)
_LONGEST_LANGUAGE: Final = 16


def fence_marks(text: str) -> set[str]:
    """For each kind of code block in the text what a piece of it may need besides: an opening and a closing line."""
    return {f"{_opening(fence)}\n{fence['mark']}" for fence in _FENCE.finditer(text)}


def with_whole_fences(pieces: Iterable[str]) -> Iterator[str]:
    """Closes a code block where a piece ends and opens it again in the next; a piece may become empty by that."""
    fence: re.Match[str] | None = None
    for piece in pieces:
        before, fence = fence, _open_at_the_end(piece, fence)
        parts = [_opening(before) if before else "", piece, fence["mark"] if fence else ""]
        whole = "\n".join(part for part in parts if part)
        yield _EMPTY.sub("", whole).rstrip() if before or fence else piece


def _open_at_the_end(piece: str, fence: re.Match[str] | None) -> re.Match[str] | None:
    for found in _FENCE.finditer(piece):
        if fence is None:
            fence = found
        elif found["mark"].startswith(fence["mark"]) and not found["info"].strip():
            fence = None
    return fence


def _opening(fence: re.Match[str]) -> str:
    language = (fence["info"].split() or [""])[0]
    return fence["mark"] + (language if len(language) <= _LONGEST_LANGUAGE else "")
