"""The common result of all parsers: a title, and text under headings."""

from dataclasses import dataclass
from typing import Final

from ingest.parsing.text import clean, one_line
from rag.errors import InvalidInput
from rag.types import Section

# A longer heading is a paragraph with a wrong tag, for example the rest of a page after an unclosed <h1>.
_MAX_HEADING_CHARACTERS: Final = 200
# Chunking more text exceeds the time limit of a document. This also stops formats that expand when they are read.
_MAX_CHARACTERS: Final = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The title and the sections of a document."""

    title: str
    """Empty if the document has no title."""
    sections: tuple[Section, ...]


class OutlineBuilder:
    """A builder that takes headings and blocks in reading order and groups the blocks by heading path."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []
        self._blocks: list[str] = []
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

    def add_block(self, text: str) -> None:
        """Append a paragraph, list, table or code block to the open section.

        Raises `InvalidInput` if the document has too much text.
        """
        self._characters += len(text)
        if self._characters > _MAX_CHARACTERS:
            raise InvalidInput(f"more than {_MAX_CHARACTERS:,} characters of text; split the document")
        block = clean(text)
        if block.strip():
            self._blocks.append(block)

    def build(self, *, title: str = "", fallback_title: str = "") -> Outline:
        """Return the outline; its title is `title`, else the first heading of level 1, else `fallback_title`."""
        self._close_section(next_level=0)
        return Outline(
            title=one_line(title) or self._first_h1 or one_line(fallback_title),
            sections=tuple(self._sections),
        )

    def _close_section(self, *, next_level: int) -> None:
        path = tuple(name for _, name in self._path)
        if self._blocks:
            self._sections.append(Section(heading_path=path, text="\n\n".join(self._blocks)))
        elif self._path and next_level <= self._path[-1][0]:
            # A heading without text becomes text itself. If sections follow below it, their paths contain it.
            self._sections.append(Section(heading_path=path[:-1], text=path[-1]))
        self._blocks = []


def parse_plain(text: str) -> Outline:
    """Parse plain text into one section."""
    builder = OutlineBuilder()
    builder.add_block(text)
    return builder.build()
