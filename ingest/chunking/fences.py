"""Repeat the fences of split code blocks, so that each piece is a code block and keeps its line breaks when shown."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

_FENCE: Final = re.compile(r"^[ \t]*(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)$", re.MULTILINE)
_EMPTY_BLOCK: Final = re.compile(r"^(`{3,}|~{3,})[^`\n]*\n+[ \t]*\1[ \t]*$\n*", re.MULTILINE)
_MAX_LANGUAGE_CHARACTERS: Final = 16


def fence_pairs(text: str) -> set[str]:
    """Return the opening and closing line of each kind of code block in the text, as one string per kind."""
    return {f"{_opening_line(fence)}\n{fence['mark']}" for fence in _FENCE.finditer(text)}


def with_complete_fences(pieces: Iterable[str]) -> Iterator[str]:
    """Close a code block at the end of a piece and open it again in the next one; a piece may become empty."""
    open_fence: re.Match[str] | None = None
    for piece in pieces:
        before, open_fence = open_fence, _open_at_end(piece, open_fence)
        parts = [_opening_line(before) if before else "", piece, open_fence["mark"] if open_fence else ""]
        complete = "\n".join(part for part in parts if part)
        yield _EMPTY_BLOCK.sub("", complete).rstrip() if before or open_fence else piece


def _open_at_end(piece: str, open_fence: re.Match[str] | None) -> re.Match[str] | None:
    for fence in _FENCE.finditer(piece):
        if open_fence is None:
            open_fence = fence
        elif fence["mark"].startswith(open_fence["mark"]) and not fence["info"].strip():
            open_fence = None
    return open_fence


def _opening_line(fence: re.Match[str]) -> str:
    language = (fence["info"].split() or [""])[0]
    return fence["mark"] + (language if len(language) <= _MAX_LANGUAGE_CHARACTERS else "")
