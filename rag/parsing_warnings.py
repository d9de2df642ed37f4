"""Warnings about documents that were ingested with gaps: their codes, and what each code means.

To add a warning, add its code to `WarningCode` and a line to `WARNINGS`, then call `OutlineBuilder.warn`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

WarningCode = Literal[
    "page_without_text",
    "unreadable_font",
    "dropped_object",
    "replaced_characters",
    "cut_text",
    "skipped_records",
    "guessed_encoding",
    "guessed_header",
    "recognised_text",
    "formula_without_value",
    "page_frame",
    "parser_message",
]


@dataclass(frozen=True, slots=True)
class WarningKind:
    """What a warning code means."""

    loses_text: bool
    """True if text of the document is missing or unreadable; False if it is complete but may be misread."""
    meaning: str
    """One sentence for people, without a number and without a place."""


WARNINGS: Mapping[WarningCode, WarningKind] = {
    "page_without_text": WarningKind(True, "Pages contain only an image: run text recognition (OCR) on them."),
    "unreadable_font": WarningKind(True, "A font does not say which characters its glyphs are."),
    "dropped_object": WarningKind(True, "Embedded objects may contain text that is not read."),
    "replaced_characters": WarningKind(True, "Damaged bytes were replaced by the character U+FFFD."),
    "cut_text": WarningKind(True, "Text beyond a limit was left out."),
    "skipped_records": WarningKind(True, "Damaged records were left out."),
    "guessed_encoding": WarningKind(False, "The file does not declare its encoding, and the text fits several."),
    "guessed_header": WarningKind(False, "A table's header was recognised by its content alone."),
    "recognised_text": WarningKind(False, "The text was recognised in images by the parser service."),
    "formula_without_value": WarningKind(True, "Formulas have no stored value: open and save the file once."),
    "page_frame": WarningKind(False, "Menus, headers and footers around the text of the page were left out."),
    "parser_message": WarningKind(False, "The parser library reported a problem."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsingWarning:
    """What is missing or uncertain in a document that was ingested."""

    code: WarningCode
    message: str
    """One sentence for the person who sent the document."""
    count: int = 1
    """How many pages, characters, objects, … are affected."""
    place: str = ""
    """Where, for people: "pages 2 to 5", "sheet Sales, row 7". Empty if it is everywhere or not known."""

    @property
    def loses_text(self) -> bool:
        return WARNINGS[self.code].loses_text

    def to_text(self) -> str:
        """Return the warning in one line for people."""
        says_count = self.count == 1 or self.message.startswith(f"{self.count:,} ")
        details = ([] if says_count else [f"{self.count:,} times"]) + ([self.place] if self.place else [])
        return f"{self.message} ({'; '.join(details)})" if details else self.message
