"""Parse reStructuredText into sections, without the markup of roles, targets and directives."""

import re
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from textwrap import dedent
from typing import Final

from ingest.parsing.outline import Outline, OutlineBuilder

_ADORNMENT: Final = re.compile(r"([!-/:-@\[-`{-~])\1*\s*")
_DIRECTIVE: Final = re.compile(r"\.\. (?:\|[^|]+\| *)?(?P<name>[\w:.+-]+) ?::(?:\s+(?P<argument>.*))?")
_NOTE: Final = re.compile(r"\.\. (?P<label>\[[^\]]+\]) +(?P<text>.*)")
_EXPLICIT: Final = re.compile(r"\.\.(?:\s|$)|__ ")
_OPTION: Final = re.compile(r"\s*:[\w-]+:(?:\s|$)")
_FIELD: Final = re.compile(r"[A-Z][\w-]{0,30}: \S")
_TITLE_FIELD: Final = re.compile(r"^:?Title: *(.+)$", re.MULTILINE)

_CODE: Final = {"code", "code-block", "sourcecode", "parsed-literal", "doctest", "testcode", "productionlist"}
_DROPPED: Final = {
    *("toctree", "contents", "index", "image", "include", "literalinclude", "raw", "meta", "replace", "module"),
    *("currentmodule", "py:currentmodule", "sectionauthor", "moduleauthor", "highlight"),
}
_LABELLED: Final = {"note", "warning", "tip", "hint", "important", "caution", "danger", "attention", "seealso", "error"}

_VERSION_LABELS: Final = {
    "versionadded": "New in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "deprecated-removed": "Deprecated since version",
}

_ITEM: Final = re.compile(r"\s*(?:[-*+•]|\(?(?:\d{1,3}|[a-zA-Z#])[.)])\s+|\s*(?::[^:\n]+:|\|)\s+")
_TABLE: Final = re.compile(r"\s*(?:=+(?: +=+)+\s*$|\+[-=+]+\+)")

# Each pattern is bounded in length, or hostile input would make the search quadratic.
_STANDARD: Final = re.compile(r":(pep|rfc):`(?=\d+`)")
_NOTE_MARK: Final = re.compile(r"(\[[#*\w-]{1,60}\])_")
_ROLE: Final = re.compile(r":[\w:+.-]{1,40}:`([^`\n]{1,300}(?:\n[^`\n]{1,300})?)`")
_LINK_TARGET: Final = re.compile(r"^[!~]|\s*<[^<>]*>$")
_LITERAL: Final = re.compile(r"``([^\n]{1,300}?)``")
_REFERENCE: Final = re.compile(r"`([^`\n]{1,300}(?:\n[^`\n]{1,300})?)`(?:__?)?")
_EMPHASIS: Final = re.compile(r"(?<![\w*\\])(\*\*?)(?=\S)([^*\n]{1,300}?)(?<=\S)\1(?![\w*])")
_BARE_REFERENCE: Final = re.compile(r"\b([A-Za-z0-9]{1,60})__?(?=[\s.,;:)]|$)")
_ESCAPE: Final = re.compile(r"\\([^\w\s])|\\\s")
_MAX_DEPTH: Final = 12


def parse_rst(text: str) -> Outline:
    lines = text.expandtabs(8).splitlines()
    header, title = _header_of(lines)
    builder = OutlineBuilder()
    builder.add_block("\n".join(lines[:header]))
    levels: list[str] = []
    for paragraph in _sections(lines[header:]):
        if isinstance(paragraph, str):
            builder.add_block(paragraph)
        else:
            style, heading = paragraph
            if style not in levels:
                levels.append(style)
            builder.add_heading(levels.index(style) + 1, _plain(heading))
    return builder.build(title=_plain(title))


def _header_of(lines: Sequence[str]) -> tuple[int, str]:
    """Return the number of `Name: value` lines at the start of a document such as a PEP, and its title."""
    if not lines or not _FIELD.match(lines[0]):
        return 0, ""
    end = next((index for index, line in enumerate(lines) if not line.strip()), len(lines))
    title = _TITLE_FIELD.search("\n".join(lines[:end]))
    return (end, title[1]) if title else (0, "")


def _sections(lines: Sequence[str]) -> Iterator[str | tuple[str, str]]:
    """Yield blocks as strings and headings as pairs of style and text.

    The style is the adornment character, doubled if the heading also has an overline. It determines the level.
    """
    index = start = 0
    while index < len(lines):
        style, length = _heading_at(lines, index)
        if length:
            yield from _blocks(lines[start:index])
            yield style, lines[index + length - 2].strip()
            start = index = index + length
        else:
            index += 1
    yield from _blocks(lines[start:])


def _heading_at(lines: Sequence[str], index: int) -> tuple[str, int]:
    """Return the style of the heading at `index` and its number of lines, which is 0 without a heading."""
    one, two, three = (*lines[index : index + 3], "", "", "")[:3]
    if index > 0 and lines[index - 1].strip() and not _EXPLICIT.match(lines[index - 1]):
        return "", 0
    if _ADORNMENT.fullmatch(one):
        is_framed = two.strip() and _ADORNMENT.fullmatch(three) and one.rstrip() == three.rstrip()
        fits = len(two.rstrip()) <= len(one.rstrip()) + 2
        return (f"{one[0]}{one[0]}", 3) if is_framed and fits else ("", 0)
    is_underlined = one[:1].strip() and not _EXPLICIT.match(one) and _ADORNMENT.fullmatch(two)
    return (two[0], 2) if is_underlined and len(two.rstrip()) >= min(len(one.rstrip()), 4) else ("", 0)


def _blocks(lines: Sequence[str], depth: int = 0) -> Iterator[str]:
    """Yield paragraphs, directives and literal blocks as text."""
    index = 0
    while index < len(lines):
        if not lines[index].strip():
            index += 1
            continue
        indent = _indent_of(lines[index])
        end = next((number for number in range(index, len(lines)) if not lines[number].strip()), len(lines))
        if _EXPLICIT.match(lines[index].strip()):
            end = _end_of_indented(lines, index + 1, indent)
            yield from _explicit(lines[index].strip(), dedent("\n".join(lines[index + 1 : end])).split("\n"), depth)
        elif lines[end - 1].rstrip().endswith("::"):
            yield _prose(lines[index:end]).removesuffix("::").rstrip(": \n") + ":"
            start, end = end, _end_of_indented(lines, end, indent)
            yield _code(lines[start:end])
        else:
            yield _prose(lines[index:end])
        index = end


def _end_of_indented(lines: Sequence[str], index: int, indent: int) -> int:
    """Return the end of the lines from `index` on that are indented deeper than `indent`."""
    end = index
    while index < len(lines) and (not lines[index].strip() or _indent_of(lines[index]) > indent):
        index += 1
        if lines[index - 1].strip():
            end = index
    return end


def _explicit(first: str, content: Sequence[str], depth: int) -> Iterator[str]:
    """Yield the text of an explicit markup block: a footnote, a citation or a directive."""
    if note := _NOTE.match(first):
        yield _plain("\n".join([f"{note['label']} {note['text']}", *content]))
        return
    directive = _DIRECTIVE.match(first)
    if directive is None:
        # A comment or a link target.
        return
    name, argument = directive["name"].lower(), directive["argument"] or ""
    body = list(dropwhile(_OPTION.match, content))
    if name in _DROPPED:
        return
    if name == "figure":
        yield from _blocks(body, depth + 1)
    elif name in _CODE:
        yield _code(body, argument)
    else:
        yield from _directive(name, argument, body, depth)


def _directive(name: str, argument: str, body: Sequence[str], depth: int) -> Iterator[str]:
    label = f"{name.capitalize()}:" if name in _LABELLED else ""
    blocks = _blocks(body, depth + 1) if depth < _MAX_DEPTH else iter(["\n".join(body)])
    head = " ".join(filter(None, [label or _VERSION_LABELS.get(name, ""), _plain(argument)]))
    if label and not argument:
        head = f"{label} {next(blocks, '')}"
    yield head
    yield from blocks


def _code(lines: Sequence[str], language: str = "") -> str:
    code = dedent("\n".join(lines)).strip("\n")
    # With fences, a client that shows the passage keeps its line breaks.
    return f"```{language}\n{code}\n```" if code.strip() else ""


def _prose(lines: Sequence[str]) -> str:
    """Join wrapped lines; the items of lists, the rows of tables and line blocks keep their lines."""
    text = dedent("\n".join(lines))
    if any(map(_TABLE.match, lines)):
        return _plain(text)
    joined: list[str] = []
    indent = 0
    for line in text.split("\n"):
        item = _ITEM.match(line)
        if joined and not item and _indent_of(line) == indent:
            joined[-1] += f" {line.strip()}"
        else:
            joined.append(line)
            indent = item.end() if item else _indent_of(line)
    return _plain("\n".join(joined))


def _plain(text: str) -> str:
    """Return the text without inline markup; the content of ``literals`` is not touched."""
    literals: list[str] = []

    def to_placeholder(literal: re.Match[str]) -> str:
        literals.append(literal[1])
        return f"\0{len(literals) - 1}\0"

    text = _LITERAL.sub(to_placeholder, text.replace("\0", ""))
    text = _STANDARD.sub(lambda role: f"{role[1].upper()} `", _NOTE_MARK.sub(r"\1", text))
    text = _ROLE.sub(lambda role: _LINK_TARGET.sub("", role[1]), text)
    text = _REFERENCE.sub(lambda reference: _LINK_TARGET.sub("", reference[1]), text)
    text = _EMPHASIS.sub(r"\2", text)
    text = _ESCAPE.sub(lambda escape: escape[1] or "", _BARE_REFERENCE.sub(r"\1", text))
    return re.sub(r"\0(\d+)\0", lambda placeholder: literals[int(placeholder[1])], text)


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())
