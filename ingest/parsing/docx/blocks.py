"""The blocks of a Word document, and their text inside a table cell, a note or a header."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ingest.parsing.outline import OutlineBuilder
from ingest.parsing.tables.row import Row
from ingest.parsing.tables.table import add_table, plain_line

_INDENT = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A paragraph, a heading, a list item or a table."""

    text: str = ""
    level: int = 0
    """The level of a heading; 0 for text."""
    is_title: bool = False
    depth: int | None = None
    """The level of a list item, from 0; None outside lists. Items in a row become one block."""
    is_aside: bool = False
    """True for a note or comment, which follows the table in which it is marked."""
    rows: Sequence[Row] = ()
    """The rows of a table, with the value of each merged cell in every cell that it spans."""


def add_blocks(blocks: Iterable[Block], builder: OutlineBuilder) -> None:
    """Add blocks to an outline; items in a row become one block."""
    for is_item, group in groupby(blocks, key=lambda block: block.depth is not None):
        if is_item:
            builder.add_block("\n".join(_indented(list(group))))
            continue
        for block in group:
            if block.rows:
                add_table(block.rows, builder)
            elif block.level:
                builder.add_heading(block.level, block.text)
            else:
                builder.add_block(block.text)


def plain_lines(blocks: Iterable[Block]) -> Iterator[str]:
    """Yield blocks as lines. Tables have no labels: in headers and footers they only place the text."""
    for block in blocks:
        yield from map(plain_line, block.rows)
        yield from block.text.split("\n")


def text_of(blocks: Iterable[Block], *, between_rows: str = "\n") -> str:
    """Return blocks as lines, for example those of a table cell."""
    return "\n".join(filter(None, (_line(block, between_rows) for block in blocks)))


def without_asides(blocks: Iterable[Block]) -> tuple[list[Block], list[Block]]:
    """Separate the notes and comments from the other blocks."""
    own: list[Block] = []
    asides: list[Block] = []
    for block in blocks:
        (asides if block.is_aside else own).append(block)
    return own, asides


def below_title(blocks: Iterable[Block], *, has_title: bool) -> Iterator[Block]:
    """Move headings one level down if the document has a title, which is the outermost heading."""
    for block in blocks:
        yield replace(block, level=block.level + 1) if has_title and block.level and not block.is_title else block


def _indented(items: Sequence[Block]) -> Iterator[str]:
    outermost = min(item.depth or 0 for item in items)
    for item in items:
        yield _INDENT * ((item.depth or 0) - outermost) + item.text


def _line(block: Block, between_rows: str) -> str:
    if not block.rows:
        return block.text
    builder = OutlineBuilder()
    add_table(block.rows, builder)
    return between_rows.join(line for part in builder.build().sections for line in part.text.split("\n\n"))
