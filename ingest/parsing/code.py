"""Parse source code into one section per definition, with the comments above it."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from ingest.parsing.outline import Outline, OutlineBuilder, add_plain
from ingest.parsing.text import fence_around
from rag.types import Place

_PYTHON = {".py", ".pyi", ".pyw"}
_CONFIGURATION = {".toml", ".yaml", ".yml", ".ini", ".cfg"}
# A longer class becomes one section per method, or its passages would mix unrelated methods.
_MAX_CLASS_LINES = 60

_MODIFIERS = (
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\([\w:]+\))?|unsafe|const"
    r'|extern(?: "C")?|inline|virtual|sealed|partial|open|data|declare|local|override|suspend|readonly) +)*'
)
_KEYWORDS = (
    r"(?:function\*?|class|interface|struct|enum|trait|impl|fn|func|fun|def|module|namespace|type|typedef|record|union"
    r"|object|protocol|extension|mod|macro_rules!|sub|proc|create|alter)\b[^=]*"
)
_ASSIGNED_FUNCTION = r"(?:const|let|var) +[\w$]+ *(?::[^=]+)?= *(?:async *)?(?:function\b|\(|[\w$]+ *=>).*"
_NOT_A_STATEMENT = r"(?!(?:if|for|while|switch|else|return|do|try|catch|foreach|elif)\b)"
_C_FUNCTION = rf"{_NOT_A_STATEMENT}[A-Za-z_][^=;#\"']*\)[^=;()]*\{{?"
_DEFINITION = re.compile(f"{_MODIFIERS}(?:{_KEYWORDS}|{_ASSIGNED_FUNCTION}|{_C_FUNCTION})", re.IGNORECASE)
_KEY = re.compile(r"\[{1,2}[^\[\]]+\]{1,2}|[\w.\"'-]+:")
_COMMENT = re.compile(r"(?://|/\*|\*|#(?!\s*(?:define|include|if|endif|else)\b)|--|@|\[|\"\"\"|;;)|\s+\*")
# Longer lines come from minified files and define nothing that a reader would look for.
_MAX_DEFINITION_CHARACTERS = 300
_MAX_HEADING_CHARACTERS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A run of lines, up to the first line of the next piece."""

    first: int
    """Index of its first line."""
    names: tuple[str, ...] = ()
    """The definition and the class around it; empty for code outside definitions."""


def parse_code(text: str, name: str) -> Outline:
    """Parse `text` as the content of the file `name`, whose suffix selects the language."""
    suffix = PurePosixPath(name).suffix.lower()
    lines = re.split(r"\r\n?|\n", text)
    pieces = _python_pieces(lines) if suffix in _PYTHON else None
    if pieces is None:
        pieces = list(_pieces_by_pattern(lines, _KEY if suffix in _CONFIGURATION else _DEFINITION))
    builder = OutlineBuilder()
    for piece, end in zip(pieces, [piece.first for piece in pieces[1:]] + [len(lines)], strict=True):
        first = next((index for index in range(piece.first, end) if lines[index].strip()), end)
        code = "\n".join(lines[first:end]).rstrip()
        if code:
            for level, heading in enumerate((name, *piece.names), 1):
                builder.add_heading(level, heading)
            # In Markdown fences, so that a client that shows the passage keeps its line breaks.
            fence = fence_around(code)
            builder.add_block(f"{fence}{suffix[1:]}", Place(line=first + 1))
            add_plain(code, builder, first_line=first + 1, between="\n")
            builder.add_block(fence, between="\n")
    return builder.build()


def _python_pieces(lines: Sequence[str]) -> list[_Piece] | None:
    """Return the pieces of a Python file, or None if this interpreter's version cannot parse it."""
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # The parser raises MemoryError if its own stack overflows. The process has memory left.
        return None
    return [_Piece(first=0), *_definitions(tree.body, lines, (), len(lines))]


def _definitions(body: Sequence[ast.stmt], lines: Sequence[str], outer: tuple[str, ...], end: int) -> Iterator[_Piece]:
    for node, following in pairwise([*body, None]):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
        last = node.end_lineno or end
        kind = "class" if isinstance(node, ast.ClassDef) else "def"
        names = (*outer, f"{kind} {node.name}")
        yield _Piece(first=_with_comments(lines, start), names=names)
        if kind == "class" and last - start > _MAX_CLASS_LINES and not outer:
            yield from _definitions(node.body, lines, names, last)
        if not isinstance(following, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield _Piece(first=last, names=outer)


def _pieces_by_pattern(lines: Sequence[str], definition: re.Pattern[str]) -> Iterator[_Piece]:
    """Yield a piece for each line without indentation that matches `definition`."""
    yield _Piece(first=0)
    for index, line in enumerate(lines):
        if line[:1].strip() and len(line) <= _MAX_DEFINITION_CHARACTERS and definition.fullmatch(line.rstrip()):
            heading = line.strip().rstrip("{(:; ").strip("[]")[:_MAX_HEADING_CHARACTERS]
            yield _Piece(first=_with_comments(lines, index), names=(heading,))


def _with_comments(lines: Sequence[str], index: int) -> int:
    """Return the index of the first comment or decorator line directly above `index`."""
    while index > 0 and _COMMENT.match(lines[index - 1]):
        index -= 1
    return index
