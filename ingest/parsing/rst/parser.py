"""Parse reStructuredText into sections, without the markup of roles, targets and directives."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import dedent

from ingest.parsing.html.parser import add_html
from ingest.parsing.outline import Outline, OutlineBuilder
from ingest.parsing.rst.inline import Definitions, definitions_of, plain
from ingest.parsing.rst.lines import (
    EXPLICIT,
    ITEM,
    end_of_indented,
    end_of_literal,
    first_filled,
    header_of,
    heading_at,
    indent_of,
    is_definition,
)
from ingest.parsing.rst.tables import RstTable, end_of_table, read_csv, read_list, read_table, to_rows
from ingest.parsing.tables.row import spread
from ingest.parsing.tables.table import add_table
from rag.types import Place

_TRANSITION = re.compile(r"([!-/:-@\[-`{-~])\1{3,}\s*")
_DIRECTIVE = re.compile(r"\.\. (?:\|[^|]+\| *)?(?P<name>[\w:.+-]+) ?::(?:\s+(?P<argument>.*))?")
_NOTE = re.compile(r"\.\. (?P<label>\[[^\]]+\])(?: +(?P<text>.*))?$")
_OPTION = re.compile(r"\s*:(?P<name>[\w-]+):(?:\s+(?P<value>.*))?$")

_CODE = {"code", "code-block", "sourcecode", "parsed-literal", "doctest", "testcode", "productionlist"}
_DROPPED = {
    *("toctree", "contents", "index", "meta", "replace", "unicode", "module", "role", "default-role", "sectnum"),
    *("currentmodule", "py:currentmodule", "sectionauthor", "moduleauthor", "highlight", "date", "target-notes"),
}
_INCLUDES = {"include", "literalinclude"}
_TABLES = {"csv-table", "list-table", "flat-table"}
# Their argument is not text.
_STYLES = {"class", "container", "rst-class", "cssclass", "only", "ifconfig"}
_LABELLED = {"note", "warning", "tip", "hint", "important", "caution", "danger", "attention", "seealso", "error"}

_VERSION_LABELS = {
    "versionadded": "New in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "deprecated-removed": "Deprecated since version",
}

_TERM = re.compile(r"(?P<term>.+?)(?: : (?P<kind>.+))?")
_FIELD_NAME = re.compile(r"^(\s*):([^:\n`]+):(?=\s|$)", re.MULTILINE)
_LINE_BLOCK = re.compile(r"^(\s*)\|(?: |$)", re.MULTILINE)
_MAX_DEPTH = 12
_INCLUDED = "The document includes other files, whose text is not read."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """A paragraph, list, code block or table, and the line at which it begins."""

    text: str = ""
    line: int
    table: RstTable | None = None
    is_include: bool = False


def parse_rst(text: str) -> Outline:
    lines = text.expandtabs(8).splitlines()
    return _Reader(definitions_of(lines)).read(lines)


class _Reader:
    """A converter of one document, whose definitions it knows."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._builder = OutlineBuilder()

    def read(self, lines: Sequence[str]) -> Outline:
        header, title = header_of(lines)
        self._builder.add_block("\n".join(lines[:header]), Place(line=1))
        levels: list[str] = []
        index = start = header
        while index < len(lines):
            style, length = heading_at(lines, index)
            if length:
                self._add(lines[start:index], start + 1)
                if style not in levels:
                    levels.append(style)
                heading = self._plain(lines[index + length - 2].strip())
                self._builder.add_heading(levels.index(style) + 1, heading)
                start = index = index + length
            else:
                index += 1
        self._add(lines[start:], start + 1)
        return self._builder.build(title=self._plain(title))

    def _add(self, lines: Sequence[str], first: int) -> None:
        for block in self._blocks(lines, first):
            if block.is_include:
                self._builder.warn("dropped_object", _INCLUDED, place=f"line {block.line}")
            elif block.table is not None:
                self._add_table(block.table, block.line)
            else:
                self._builder.add_block(block.text, Place(line=block.line))

    def _add_table(self, table: RstTable, line: int) -> None:
        texts = (self._cell_text(cell.lines) for _, cells in table.rows for cell in cells)
        add_table(
            spread(to_rows(table, texts, line)),
            self._builder,
            header_rows=table.header_rows,
            has_row_header=table.has_row_header,
        )

    def _cell_text(self, lines: Sequence[str]) -> str:
        return " ".join(block.text for block in self._blocks(lines, 1, _MAX_DEPTH - 1)).replace("```", "")

    def _blocks(self, lines: Sequence[str], first: int, depth: int = 0) -> Iterator[_Block]:
        """Yield paragraphs, directives, tables and literal blocks; `first` is the number of the first line."""
        index = paragraph_end = 0
        while index < len(lines):
            if not lines[index].strip():
                index += 1
                continue
            indent = indent_of(lines[index])
            table_end = end_of_table(lines, index)
            # A paragraph can hold many definitions, so its end is searched for once.
            if paragraph_end <= index:
                blank = (number for number in range(index, len(lines)) if not lines[number].strip())
                paragraph_end = next(blank, len(lines))
            end = paragraph_end
            stripped = lines[index].strip()
            line = first + index
            if table_end > index:
                end = table_end
                table = read_table(dedent("\n".join(lines[index:end])).split("\n"))
                yield _Block(line=line, table=table, text="" if table else "\n".join(lines[index:end]))
            elif EXPLICIT.match(stripped):
                end = end_of_indented(lines, index + 1, indent)
                yield from self._explicit(stripped, dedent("\n".join(lines[index + 1 : end])).split("\n"), line, depth)
            elif stripped.startswith(">>> "):
                yield _Block(text=_code(lines[index:end]), line=line)
            elif end - index == 1 and _TRANSITION.fullmatch(stripped):
                pass
            elif index + 1 < end and is_definition(lines[index], lines[index + 1]) and depth < _MAX_DEPTH:
                end = end_of_indented(lines, index + 1, indent)
                yield from self._definition(stripped, lines[index + 1 : end], line, depth)
            elif lines[end - 1].rstrip().endswith("::"):
                yield _Block(text=self._prose(lines[index:end]).removesuffix("::").rstrip(": \n") + ":", line=line)
                start, end = end, end_of_literal(lines, end, indent)
                yield _Block(text=_code(lines[start:end]), line=first_filled(lines, start, end) + first)
            else:
                yield _Block(text=self._prose(lines[index:end]), line=line)
            index = end

    def _definition(self, term: str, body: Sequence[str], line: int, depth: int) -> Iterator[_Block]:
        """Yield a term with its definition behind it."""
        named = _TERM.fullmatch(term)
        name = f"{named['term']} ({named['kind']})" if named and named["kind"] else term
        name = self._plain(name)
        blocks = self._blocks(body, line + 1, depth + 1)
        first = next(blocks, None)
        if first is None or first.table is not None or first.text.startswith("```"):
            yield _Block(text=name, line=line)
            yield from [first] if first is not None else []
        else:
            yield _Block(text=f"{name}{' ' if name.endswith((':', '?')) else ': '}{first.text.lstrip()}", line=line)
        yield from blocks

    def _explicit(self, first: str, content: Sequence[str], line: int, depth: int) -> Iterator[_Block]:
        """Yield the text of an explicit markup block: a footnote, a citation or a directive."""
        if note := _NOTE.match(first):
            text = self._plain(
                " ".join(filter(None, [note["label"], note["text"], *(part.strip() for part in content)]))
            )
            yield _Block(text=text.strip(), line=line)
            return
        directive = _DIRECTIVE.match(first)
        if directive is None:
            # A comment or a link target.
            return
        name, argument = directive["name"].lower(), directive["argument"] or ""
        options: dict[str, str] = {}
        start = 0
        while start < len(content) and (option := _OPTION.match(content[start])):
            options[option["name"]] = option["value"] or ""
            start += 1
        body, body_line = content[start:], line + 1 + start
        if name in _DROPPED or first.startswith(".. |"):
            return
        if name in _INCLUDES or ("file" in options and name in {*_TABLES, "raw"}):
            yield _Block(line=line, is_include=True)
        elif name in _TABLES:
            yield _Block(text=self._plain(argument), line=line)
            read = read_csv if name == "csv-table" else read_list
            filled = first_filled(body, 0, len(body))
            yield _Block(line=body_line + filled, table=read(body[filled:], options))
        elif name in _CODE:
            yield _Block(text=self._plain(options.get("caption", "")), line=line)
            yield _Block(text=_code(body, argument), line=line)
        elif name == "raw":
            yield _Block(text=_html_text("\n".join(body)) if argument == "html" else "", line=line)
        elif name in {"image", "figure"}:
            yield _Block(text=self._plain(options.get("alt", "")), line=line)
            yield from self._blocks(body, body_line, depth + 1) if depth < _MAX_DEPTH else ()
        else:
            yield from self._directive(name, "" if name in _STYLES else argument, body, line, body_line, depth)

    def _directive(
        self, name: str, argument: str, body: Sequence[str], line: int, body_line: int, depth: int
    ) -> Iterator[_Block]:
        label = f"{name.capitalize()}:" if name in _LABELLED else ""
        is_read = depth < _MAX_DEPTH
        blocks = (
            self._blocks(body, body_line, depth + 1) if is_read else iter([_Block(text="\n".join(body), line=line)])
        )
        head = " ".join(filter(None, [label or _VERSION_LABELS.get(name, ""), self._plain(argument)]))
        first = next(blocks, None) if label and not argument else None
        if first is not None and first.table is None and not first.is_include:
            head, first = f"{label} {first.text}", None
        yield _Block(text=head, line=line)
        yield from [first] if first is not None else []
        yield from blocks

    def _prose(self, lines: Sequence[str]) -> str:
        """Join wrapped lines; the items of lists and line blocks keep their lines."""
        joined: list[str] = []
        indent = 0
        for line in dedent("\n".join(lines)).split("\n"):
            item = ITEM.match(line)
            if joined and not item and indent_of(line) == indent:
                joined[-1] += f" {line.strip()}"
            else:
                joined.append(line)
                indent = item.end() if item else indent_of(line)
        return self._plain(_LINE_BLOCK.sub(r"\1", _FIELD_NAME.sub(r"\1\2:", "\n".join(joined))))

    def _plain(self, text: str) -> str:
        return plain(text, self._definitions)


def _html_text(html: str) -> str:
    builder = OutlineBuilder()
    add_html(html, builder)
    return "\n\n".join(section.text for section in builder.build().sections)


def _code(lines: Sequence[str], language: str = "") -> str:
    code = dedent("\n".join(lines)).strip("\n")
    # With fences, a client that shows the passage keeps its line breaks.
    return f"```{language}\n{code}\n```" if code.strip() else ""
