"""reStructuredText: sections by their underlines, text without the marks of roles, targets and directives."""

import re
from collections.abc import Iterator, Sequence
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
_SILENT: Final = {
    *("toctree", "contents", "index", "image", "include", "literalinclude", "raw", "meta", "replace", "module"),
    *("currentmodule", "py:currentmodule", "sectionauthor", "moduleauthor", "highlight"),
}
_SPOKEN: Final = {"note", "warning", "tip", "hint", "important", "caution", "danger", "attention", "seealso", "error"}

_ITEM: Final = re.compile(r"\s*(?:[-*+•]|\(?(?:\d{1,3}|[a-zA-Z#])[.)])\s+|\s*(?::[^:\n]+:|\|)\s+")
_TABLE: Final = re.compile(r"\s*(?:=+(?: +=+)+\s*$|\+[-=+]+\+)")

# Each bounded in length, so that none looks far for its end.
_STANDARD: Final = re.compile(r":(pep|rfc):`(?=\d+`)")
_NOTE_MARK: Final = re.compile(r"(\[[#*\w-]{1,60}\])_")
_ROLE: Final = re.compile(r":[\w:+.-]{1,40}:`([^`\n]{1,300}(?:\n[^`\n]{1,300})?)`")
_TARGETED: Final = re.compile(r"^[!~]|\s*<[^<>]*>$")
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
    """How many lines of `Name: value` a document such as a PEP begins with, and its title among them."""
    if not lines or not _FIELD.match(lines[0]):
        return 0, ""
    end = next((index for index, line in enumerate(lines) if not line.strip()), len(lines))
    found = _TITLE_FIELD.search("\n".join(lines[:end]))
    return (end, found[1]) if found else (0, "")


def _sections(lines: Sequence[str]) -> Iterator[str | tuple[str, str]]:
    """Text, and headings with the style that tells their level: the sign and whether it stands above too."""
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
    """The style and how many lines it has; 0 where there is none."""
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
    """Paragraphs, with what is indented below directives and `::` as they mean it."""
    index = 0
    while index < len(lines):
        if not lines[index].strip():
            index += 1
            continue
        indent = _indent_of(lines[index])
        end = _end_of_paragraph(lines, index)
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


def _end_of_paragraph(lines: Sequence[str], index: int) -> int:
    while index < len(lines) and lines[index].strip():
        index += 1
    return index


def _end_of_indented(lines: Sequence[str], index: int, indent: int) -> int:
    """Where something stands again that is not further in than `indent`."""
    end = index
    while index < len(lines) and (not lines[index].strip() or _indent_of(lines[index]) > indent):
        index += 1
        if lines[index - 1].strip():
            end = index
    return end


def _explicit(first: str, content: Sequence[str], depth: int) -> Iterator[str]:
    """What a line that begins with two dots, and all that is indented below it, says to a reader."""
    if note := _NOTE.match(first):
        yield _plain("\n".join([f"{note['label']} {note['text']}", *content]))
        return
    directive = _DIRECTIVE.match(first)
    if directive is None:
        # A comment, or the target of a link.
        return
    name, argument = directive["name"].lower(), directive["argument"] or ""
    body = _without_options(content)
    if name in _SILENT:
        return
    if name == "figure":
        yield from _blocks(body, depth + 1)
    elif name in _CODE:
        yield _code(body, argument)
    else:
        yield from _spoken(name, argument, body, depth)


def _spoken(name: str, argument: str, body: Sequence[str], depth: int) -> Iterator[str]:
    label = f"{name.capitalize()}:" if name in _SPOKEN else ""
    blocks = _blocks(body, depth + 1) if depth < _MAX_DEPTH else iter(["\n".join(body)])
    head = " ".join(filter(None, [label or _label_of(name), _plain(argument)]))
    if label and not argument:
        head = f"{label} {next(blocks, '')}"
    yield head
    yield from blocks


def _label_of(name: str) -> str:
    """What a reader must know of a directive: that a thing is new, changed or gone."""
    match name:
        case "versionadded":
            return "New in version"
        case "versionchanged":
            return "Changed in version"
        case "deprecated" | "deprecated-removed":
            return "Deprecated since version"
        case _:
            return ""


def _without_options(content: Sequence[str]) -> Sequence[str]:
    index = 0
    while index < len(content) and _OPTION.match(content[index]):
        index += 1
    return content[index:]


def _code(lines: Sequence[str], language: str = "") -> str:
    code = dedent("\n".join(lines)).strip("\n")
    # The fences tell whoever quotes or shows the passage that line breaks matter here.
    return f"```{language}\n{code}\n```" if code.strip() else ""


def _prose(lines: Sequence[str]) -> str:
    """Lines that only the width of the page divides are joined; those of lists, tables and line blocks stand alone."""
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
    """Without the marks that only a renderer needs."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found[1])
        return f"\0{len(kept) - 1}\0"

    text = _LITERAL.sub(keep, text.replace("\0", ""))
    text = _STANDARD.sub(lambda found: f"{found[1].upper()} `", _NOTE_MARK.sub(r"\1", text))
    text = _ROLE.sub(lambda found: _TARGETED.sub("", found[1]), text)
    text = _REFERENCE.sub(lambda found: _TARGETED.sub("", found[1]), text)
    text = _EMPHASIS.sub(r"\2", text)
    text = _ESCAPE.sub(lambda found: found[1] or "", _BARE_REFERENCE.sub(r"\1", text))
    return re.sub(r"\0(\d+)\0", lambda found: kept[int(found[1])], text)


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())
