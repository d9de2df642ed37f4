"""What every parser makes of its format: a title, and text under headings."""

from dataclasses import dataclass
from typing import Final

from ingest.parsing.text import clean, one_line
from rag.errors import InvalidInput
from rag.types import Section

# Longer, and it is a paragraph with a wrong tag, such as the rest of a page after an unclosed <h1>.
_MAX_HEADING_CHARACTERS: Final = 200
# More takes longer to chunk than a document may take; whatever unfolds when it is read ends here.
_MAX_CHARACTERS: Final = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A document without its origin; the title is empty where the text gives none."""

    title: str
    sections: tuple[Section, ...]


class OutlineBuilder:
    """Takes headings and blocks in reading order and groups the blocks by heading path."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []
        self._blocks: list[str] = []
        self._sections: list[Section] = []
        self._first_h1 = ""
        self._characters = 0

    def add_heading(self, level: int, text: str) -> None:
        """Opens a section; `level` is 1 for the outermost."""
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
        """Appends a paragraph, list, table or code block to the open section; raises InvalidInput for too much."""
        self._characters += len(text)
        if self._characters > _MAX_CHARACTERS:
            raise InvalidInput(f"more than {_MAX_CHARACTERS:,} characters of text; cut it into parts")
        block = clean(text)
        if block.strip():
            self._blocks.append(block)

    def build(self, *, title: str = "", fallback_title: str = "") -> Outline:
        """The title is the given one, else the first heading of level 1, else the fallback."""
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
            # A heading with nothing under it is itself the text; one with sections below lives in their paths.
            self._sections.append(Section(heading_path=path[:-1], text=path[-1]))
        self._blocks = []
