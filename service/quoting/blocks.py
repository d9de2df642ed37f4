"""The structure of a passage: paragraphs, list items, table rows and code blocks, each an exact substring."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from service.sentences import QUESTION_MARKS, split_paragraph

Kind = Literal["sentence", "item", "row", "code"]

_FENCE: Final = re.compile(r"^[ \t]*(`{3,}|~{3,})")
_MARKER: Final = re.compile(r"^(?P<indent>[ \t]*)(?:[-*+•]|(?P<number>\d{1,3}[.)]))[ \t]+")
# Rows of tables are written as `label: value | label: value` (ADR 48).
_CELL: Final = " | "
_LABELLED: Final = re.compile(r"^[^|:]{1,60}: ")
# A fenced block of text has the structure of text.
_TEXT_BLOCK: Final = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*(?:text|txt)[ \t]*\n(.*?)^[ \t]*\1[ \t]*$", re.M | re.S)
_HEADING: Final = re.compile(r"^#{1,6} ")
# Directives of templates, labels of notes, and rules of characters that are not letters.
_NOISE: Final = re.compile(
    r"^\s*(?:\{[*%{].*[*%}]\}|:::.*|!!!.*|(?:note|tip|info|warning|danger|check)\W*|[^\w]*)$", re.DOTALL | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item, table row or code block of a passage."""

    kind: Literal["paragraph", "item", "row", "code"]
    text: str
    group: int
    """Blocks of one list or one table have the same number."""
    is_numbered: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence, list item, table row or code block: the smallest part that can answer a question."""

    kind: Kind
    text: str
    block: int
    """Index of its block in the passage."""
    position: int
    """Index among the sentences of its paragraph; 0 for other kinds."""
    question: str = ""
    """The question before it in the passage, as in a list of questions and answers."""
    is_reply: bool = False
    """True if it follows that question directly."""


def split_blocks(passage: str) -> list[Block]:
    """Split a passage into its blocks, in their order. Headings and rules are left out."""
    blocks: list[Block] = []
    group = 0
    previous = ""
    for kind, lines, is_numbered in _runs(_TEXT_BLOCK.sub(r"\2", passage).split("\n")):
        text = "\n".join(lines).strip("\n").rstrip()
        if not text.strip() or kind == "heading" or (kind == "paragraph" and _NOISE.match(text)):
            previous = kind
            continue
        if kind not in ("item", "row") or kind != previous:
            group += 1
        previous = kind
        blocks.append(Block(kind=kind, text=text, group=group, is_numbered=is_numbered))  # type: ignore[arg-type]
    return blocks


def split_units(blocks: list[Block]) -> list[Unit]:
    """Split paragraphs into sentences. Questions answer nothing, so they only mark the units after them."""
    units: list[Unit] = []
    question, is_reply = "", False
    for index, block in enumerate(blocks):
        texts = split_paragraph(block.text) if block.kind == "paragraph" else [block.text]
        for position, text in enumerate(texts):
            if block.kind != "code" and text.rstrip(" *_`")[-1:] in QUESTION_MARKS:
                question, is_reply = text, True
                continue
            kind = "sentence" if block.kind == "paragraph" else block.kind
            units.append(Unit(kind, text, index, position, question, is_reply))
            is_reply = False
    return units


def _runs(lines: list[str]) -> Iterator[tuple[str, list[str], bool]]:
    """Yield the kind and the lines of each block. A list item contains everything that is indented under it."""
    run: list[str] = []
    kind, is_numbered, indent = "", False, 0
    fence = ""
    for line in lines:
        if fence:
            run.append(line)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
                if kind == "code":
                    yield kind, run, False
                    run, kind = [], ""
            continue
        opening = _FENCE.match(line)
        depth = len(line) - len(line.lstrip())
        if kind == "item" and (depth > indent or not line.strip()) and not (opening and depth <= indent):
            marker = _MARKER.match(line)
            if not marker or depth > indent:
                run.append(line)
                fence = opening[1] if opening else ""
                continue
        new = _kind_of(line, opening)
        if new == "blank" or new != kind or new in ("item", "row", "heading"):
            if run:
                yield kind, run, is_numbered
            run, kind, is_numbered = [], "", False
        if new == "blank":
            continue
        run.append(line)
        kind = new
        if opening:
            fence = opening[1]
        elif marker := _MARKER.match(line):
            is_numbered, indent = bool(marker["number"]), len(marker["indent"])
    if run:
        yield kind, run, is_numbered


def _kind_of(line: str, opening: re.Match[str] | None) -> str:
    if opening:
        return "code"
    if not line.strip():
        return "blank"
    if _HEADING.match(line):
        return "heading"
    if _MARKER.match(line):
        return "item"
    if _CELL in line and (_LABELLED.match(line) or line.count(_CELL) > 1):
        return "row"
    return "paragraph"
