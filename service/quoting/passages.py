"""A passage as the selection of an answer sees it: its units, its headings, and what stands around a unit."""

import re
from typing import Final

from rag.types import ScoredChunk
from service.quoting.blocks import Block, Unit, split_blocks, split_units
from service.quoting.wording import is_pronominal
from service.sentences import QUESTION_MARKS, content_stems, stems

_ITEM_KEY: Final = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+(.{1,60}?)(?:\s*[:\u2013\u2014]|\s+-\s|\s*\()")
# The end of a long announcement says what follows, and the beginning of a unit what it is about (ADR 64).
_MAX_AROUND: Final = 100
_MAX_EMBEDDED: Final = 240


class Passage:
    """A passage with its units."""

    def __init__(self, hit: ScoredChunk, rank: int) -> None:
        self.hit = hit
        self.rank = rank
        self.blocks: list[Block] = split_blocks(hit.chunk.text)
        self.units = split_units(self.blocks)
        path = hit.chunk.heading_path
        self.headings = " > ".join(path)
        self.title = path[-1].lower().strip(" `:") if path else ""
        self.leaf_text = path[-1] if path else ""
        self.leaf = content_stems(self.leaf_text)
        self.is_question = bool(path) and path[-1].rstrip()[-1:] in QUESTION_MARKS
        self.path = stems(" ".join([hit.chunk.title, *path[:-1]]))

    def announcement(self, unit: Unit) -> str:
        """Return the paragraph that announces a list, a table or code. Empty for a sentence."""
        if unit.kind == "sentence":
            return ""
        group = self.blocks[unit.block].group
        first = next(index for index, block in enumerate(self.blocks) if block.group == group)
        before = self.blocks[first - 1] if first else None
        return before.text if before and before.kind == "paragraph" else ""

    def is_followed_by(self, unit: Unit, kind: str) -> bool:
        """Return whether a block of that kind follows the paragraph of a sentence."""
        following = self.blocks[unit.block + 1 : unit.block + 2]
        return unit.kind == "sentence" and bool(following) and following[0].kind == kind

    def embedded(self, unit: Unit) -> str:
        """Return the text of a unit for the embedder, after what it needs to be understood.

        Code needs the heading and its announcement, an item its announcement, a sentence with a pronoun the one before.
        """
        around: list[str] = []
        if unit.kind == "code":
            around = [self.leaf_text, self.announcement(unit)[-_MAX_AROUND:]]
        elif unit.kind == "item":
            around = [self.announcement(unit)[-_MAX_AROUND:]]
        elif unit.position and is_pronominal(unit.text):
            around = [self._sentence_before(unit)[-_MAX_AROUND:]]
        return "\n".join([*filter(None, around), unit.text])[:_MAX_EMBEDDED]

    def _sentence_before(self, unit: Unit) -> str:
        return next((it.text for it in self.units if it.block == unit.block and it.position == unit.position - 1), "")


def keys_of(unit: Unit) -> tuple[str, ...]:
    """Return what a table row or a list item is about, in lower case: its first value, or its first words.

    The label of the column may stand before or after the value, as in "the mode checked".
    """
    if unit.kind == "row":
        label, _, value = (part.strip(' `*"|').lower() for part in unit.text.split(" | ")[0].partition(": "))
        return (value, f"{label} {value}", f"{value} {label}") if value else (label,)
    if unit.kind == "item":
        match = _ITEM_KEY.match(unit.text)
        return (match[1].strip(' `*"').lower(),) if match else ()
    return ()
