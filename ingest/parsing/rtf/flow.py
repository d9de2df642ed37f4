"""Text that is collected while RTF is read: the open paragraph, and the cells and rows of the open table."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ingest.parsing.tables.row import Cell, SpannedRow


@dataclass(slots=True)
class CellDefinition:
    """How a cell of the next row is merged."""

    continues_above: bool = False
    continues_left: bool = False


@dataclass(slots=True, kw_only=True)
class Flow:
    """Text of the document, or of a note, a comment, a header or a text box in it."""

    kind: str = "body"
    pieces: list[str] = field(default_factory=list)
    """The open paragraph."""
    cell: list[str] = field(default_factory=list)
    """Paragraphs of the open table cell."""
    cells: list[str] = field(default_factory=list)
    rows: list[SpannedRow] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    """Finished paragraphs, for all flows except the body."""

    def take_paragraph(self) -> str:
        """Return the open paragraph and begin the next one."""
        # A run of struck text may be written in many pieces.
        text, self.pieces = "".join(self.pieces).replace("~~~~", "").strip(" \t"), []
        return text

    def take_row(self, definitions: Sequence[CellDefinition]) -> list[Cell]:
        """Return the finished cells of a row, of which some are merged."""
        texts, self.cells = self.cells, []
        cells: list[Cell] = []
        for index, text in enumerate(texts):
            definition = definitions[index] if index < len(definitions) else CellDefinition()
            if definition.continues_left and cells:
                cells[-1] = replace(cells[-1], columns=cells[-1].columns + 1, text=f"{cells[-1].text} {text}".strip())
            else:
                cells.append(Cell(text=text, continues_above=definition.continues_above))
        return cells
