"""The common result of all parsers: a title, and text under headings."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ingest.parsing.text import clean, one_line
from rag.errors import InvalidInput
from rag.parsing_warnings import WARNINGS, ParsingWarning, WarningCode
from rag.types import Place, Section

# A longer heading is a paragraph with a wrong tag, for example the rest of a page after an unclosed <h1>.
_MAX_HEADING_CHARACTERS = 200
# Chunking more text exceeds the time limit of a document. This also stops formats that expand when they are read.
_MAX_CHARACTERS = 50_000_000
_BETWEEN_BLOCKS = "\n\n"
_LINE_END = re.compile(r"\r\n?|\n")
_MAX_PLACE_CHARACTERS = 200
_LINES_PER_BLOCK = 200


class WithoutText(InvalidInput):
    """The document has no text, but pages or pictures in which text can be recognised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The title and the sections of a document."""

    title: str
    """Empty if the document has no title."""
    sections: tuple[Section, ...]
    warnings: tuple[ParsingWarning, ...] = ()


class OutlineBuilder:
    """A builder that takes headings and blocks in reading order and groups the blocks by heading path."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []
        self._blocks: list[tuple[str, str, Place]] = []
        """For each block of the open section: what divides it from the one before, its text, its place."""
        self._place = Place()
        self._warnings: dict[tuple[WarningCode, str], ParsingWarning] = {}
        self._sections: list[Section] = []
        self._first_h1 = ""
        self._characters = 0

    def add_heading(self, level: int, text: str) -> None:
        """Open a section; `level` is 1 for the outermost."""
        heading = one_line(text)
        if not heading:
            return
        if len(heading) > _MAX_HEADING_CHARACTERS:
            self.add_block(heading)
            return
        self._close_section(next_level=level)
        self._path = [(above, name) for above, name in self._path if above < level]
        self._path.append((level, heading))
        if level == 1 and not self._first_h1:
            self._first_h1 = heading

    def leave_headings(self) -> None:
        """Close all open sections: the next block has no heading, for example on a slide without a title."""
        self._close_section(next_level=0)
        self._path = []

    def add_block(self, text: str, place: Place | None = None, *, between: str = _BETWEEN_BLOCKS) -> None:
        """Append a paragraph, list, table or code block to the open section.

        `place` is where the block begins. Without it the block has the place of the block before.
        `between` divides it from the block before: a single line break if both belong to one list or code block.

        Raises `InvalidInput` if the document has too much text.
        """
        self._characters += len(text)
        if self._characters > _MAX_CHARACTERS:
            raise InvalidInput(f"more than {_MAX_CHARACTERS:,} characters of text; split the document")
        self._place = place or self._place
        block = clean(text)
        if block.strip():
            self._blocks.append((between, block, self._place))

    def add_lines(self, lines: Iterator[str]) -> None:
        """Append blocks of lines, because a block is one string in memory."""
        while block := "\n".join(islice(lines, _LINES_PER_BLOCK)):
            self.add_block(block)

    def set_place(self, place: Place) -> None:
        """Give `place` to the next blocks that have no place of their own."""
        self._place = place

    def warn(self, code: WarningCode, message: str = "", *, count: int = 1, place: str = "") -> None:
        """Add a warning. Warnings with the same code and message become one, with the sum of their counts.

        `message` is one sentence for the person who sent the document; the default is the meaning of the code.
        """
        message = message or WARNINGS[code].meaning
        known = self._warnings.get((code, message))
        places = [known.place, place] if known else [place]
        self._warnings[code, message] = ParsingWarning(
            code=code,
            message=message,
            count=count + (known.count if known else 0),
            place=", ".join(filter(None, places))[:_MAX_PLACE_CHARACTERS],
        )

    def add_warnings(self, warnings: Sequence[ParsingWarning], *, place: str = "") -> None:
        """Add the warnings about a part of the document, such as a chapter or an attachment; `place` names the part."""
        for warning in warnings:
            within = ", ".join(filter(None, (place, warning.place)))
            self.warn(warning.code, warning.message, count=warning.count, place=within)

    def build(self, *, title: str = "", fallback_title: str = "") -> Outline:
        """Return the outline; its title is `title`, else the first heading of level 1, else `fallback_title`."""
        self._close_section(next_level=0)
        return Outline(
            title=one_line(title) or self._first_h1 or one_line(fallback_title),
            sections=tuple(self._sections),
            warnings=tuple(self._warnings.values()),
        )

    def _close_section(self, *, next_level: int) -> None:
        path = tuple(name for _, name in self._path)
        if self._blocks:
            self._sections.append(_to_section(path, self._blocks))
        elif self._path and next_level <= self._path[-1][0]:
            # A heading without text becomes text itself. If sections follow below it, their paths contain it.
            self._sections.append(_to_section(path[:-1], [("", path[-1], self._place)]))
        self._blocks = []


def _to_section(path: tuple[str, ...], blocks: Sequence[tuple[str, str, Place]]) -> Section:
    places: list[tuple[int, Place]] = []
    texts: list[str] = []
    offset = 0
    for between, text, place in blocks:
        texts += [between, text] if texts else [text]
        offset += len(between) if offset else 0
        if place != (places[-1][1] if places else Place()):
            places.append((offset, place))
        offset += len(text)
    return Section(heading_path=path, text="".join(texts), places=tuple(places))


def parse_plain(text: str) -> Outline:
    """Parse plain text into one section."""
    builder = OutlineBuilder()
    add_plain(text, builder)
    return builder.build()


def add_plain(text: str, builder: OutlineBuilder, *, first_line: int = 1, between: str = _BETWEEN_BLOCKS) -> None:
    """Add plain text as paragraphs with their lines.

    `first_line` is the number of its first line, and `between` divides it from the block before.
    """
    paragraph: list[str] = []
    for number, line in enumerate([*_LINE_END.split(text), ""], first_line):
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            builder.add_block("\n".join(paragraph), Place(line=number - len(paragraph)), between=between)
            paragraph, between = [], _BETWEEN_BLOCKS
