"""Composes a quote: the unit that answers the question, with the sentences, list, table or code that belong to it."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rag.types import Chunk
from service.quoting.blocks import Block, Unit, split_blocks, split_units
from service.quoting.questions import Question
from service.quoting.wording import GIVES_REASON, announces, refers_back
from service.sentences import stems

# A reader sees this much at a glance. A shorter quote is extended by the next sentences of its paragraph.
_ENOUGH: Final = 280
_MAX_CHARACTERS: Final = 1_200
_MAX_ITEMS: Final = 12
# A longer sentence before the answer would hide it.
_MAX_LEAD: Final = 200
_COMMAND_OR_ROUTE: Final = re.compile(r"^(?:GET|HEAD|POST|PUT|PATCH|DELETE)\s/|\s--?\w")
# Sentences of the same paragraph that score almost as well belong to the answer (ADR 64).
_NEAR: Final = 2.0
_MAX_PROSE: Final = 600
_NEEDS_CODE: Final = ("how", "code")
_NUMBERED: Final = re.compile(r"^\W*\d+(?:\.\d+)+\s")
# The first characters of a row or an item name its subject.
_MAX_LABEL: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A block of a passage that answers a question."""

    text: str
    """Parts of the passage, word for word and in their order."""
    passage: int
    """Rank of the passage, from 0 for the first."""
    evidence: str
    """An exact substring of the passage: the whole text if it is in one piece, otherwise the part that was found."""


def compose(
    question: Question,
    chunk: Chunk,
    unit: Unit,
    *,
    passage: int,
    scores: Mapping[tuple[int, int], float],
    others: Sequence[Unit] = (),
) -> Quote:
    """Return the block of the passage that a unit belongs to, with other items of its list.

    `scores` has the scores of the passage's units, by block and position. The heading comes first if it is a command, a
    route or the number of the section that the question names, and the block lacks it.
    """
    text, heading = chunk.text, chunk.heading_path[-1] if chunk.heading_path else ""
    blocks = split_blocks(text)
    match unit.kind:
        case _ if question.is_section:
            parts = _section(question, blocks[unit.block :])
        case "sentence":
            parts = _prose(question, blocks, unit, scores)
        case "item" | "row":
            parts = _series(question, blocks, unit, others)
        case _:
            parts = [*_cause(question, blocks, unit.block - 1), *_announcement(blocks, unit.block), unit.text]
    joined = parts[0]
    position = text.index(parts[0])
    begin = end = position
    end += len(parts[0])
    is_whole = True
    for part in parts[1:]:
        position = text.index(part, end)
        gap = text[end:position]
        is_whole = is_whole and not gap.strip()
        joined += (" " if not gap.strip("\n ") and "\n" not in gap else "\n") + part
        end = position + len(part)
    if (_COMMAND_OR_ROUTE.search(heading) or question.is_headed(heading)) and heading.lower() not in joined.lower():
        gap = " " if unit.kind == "sentence" and not question.is_section else "\n"
        joined = f"{heading}:{gap}{joined}"
    return Quote(text=joined, passage=passage, evidence=text[begin:end] if is_whole else unit.text)


def is_cut(quote: Quote, chunk: Chunk) -> bool:
    """Return whether the quote may continue in the next passage: it ends with an announcement or the last item."""
    last = split_blocks(chunk.text)[-1:]
    if not last or not quote.text.endswith(last[0].text[-_MAX_LABEL:]):
        return False
    return announces(last[0].text[-_MAX_LEAD:]) or ("\n" in quote.text and last[0].kind in ("item", "row"))


def is_same_list(chunk: Chunk, one: Unit, other: Unit) -> bool:
    """Return whether two units of a passage are items or rows of the same list or table."""
    blocks = split_blocks(chunk.text)
    kinds = {one.kind, other.kind}
    return kinds <= {"item", "row"} and blocks[one.block].group == blocks[other.block].group


def _section(question: Question, blocks: Sequence[Block]) -> list[str]:
    """Return the texts of the section: up to the first one that begins with the number of another section."""
    texts = [block.text for block in blocks]
    ends = (at for at, text in enumerate(texts) if at and _NUMBERED.match(text) and not question.is_section_of(text))
    return _bounded(texts[: next(ends, None)])


def _prose(question: Question, blocks: list[Block], unit: Unit, scores: Mapping[tuple[int, int], float]) -> list[str]:
    """Return the sentences around the best one that belong to the answer, without a gap."""
    sentences = [other for other in split_units(blocks) if other.block == unit.block]
    at = next(index for index, other in enumerate(sentences) if other.position == unit.position)
    near = [
        scores.get((unit.block, other.position), -math.inf) >= scores[unit.block, unit.position] - _NEAR
        for other in sentences
    ]
    first = last = at
    for index in range(at - 1, -1, -1):
        # A sentence without a score repeats the question.
        is_known = (unit.block, sentences[index].position) in scores
        if is_known and refers_back(sentences[index + 1].text) and index + 1 == first:
            if _length(sentences[index:at]) > _MAX_LEAD:
                break
            first = index
    for index in range(at + 1, len(sentences)):
        length = _length(sentences[first:index])
        if (near[index] and length < _MAX_PROSE) or (length < _ENOUGH and index == last + 1):
            last = index
    parts = [other.text for other in sentences[first : last + 1]]
    if refers_back(parts[0]) and first == 0 and unit.block and blocks[unit.block - 1].kind == "paragraph":
        before = [other for other in split_units(blocks) if other.block == unit.block - 1]
        parts = [*(other.text for other in before[-1:] if len(other.text) <= _MAX_LEAD), *parts]
    return parts if last + 1 < len(sentences) else [*parts, *_continuation(question, blocks, unit.block + 1, parts)]


def _continuation(question: Question, blocks: list[Block], index: int, parts: list[str]) -> list[str]:
    """Return the blocks that complete a paragraph: the list, table or code that it announces, or the next paragraph."""
    following = blocks[index] if index < len(blocks) else None
    if following is None:
        return []
    if following.kind != "paragraph":
        is_wanted = following.kind == "code" if question.asks == "how" else question.asks == "list"
        return _whole(blocks, index) if is_wanted or announces(" ".join(parts[-2:])) else []
    return _next_paragraph(question, blocks, index, parts)


def _next_paragraph(question: Question, blocks: list[Block], index: int, parts: list[str]) -> list[str]:
    """Return the paragraph at the index if it leads to code, gives the reason, or completes a short one."""
    if question.asks in _NEEDS_CODE and (steps := _to_code(blocks, index)):
        return steps
    if question.asks == "reason" and GIVES_REASON.match(blocks[index].text):
        return [unit.text for unit in split_units([blocks[index]])][:2]
    if question.term or sum(map(len, parts)) >= _ENOUGH // 2:
        return []
    # Some manuals end a paragraph after each sentence. The paragraph after a definition is about another term.
    sentences = [unit.text for unit in split_units([blocks[index]])]
    more = sentences[:2]
    if len(sentences) > len(more):
        return more
    return [*more, *_continuation(question, blocks, index + 1, [*parts, *more])]


def _to_code(blocks: list[Block], index: int) -> list[str]:
    """Return the short paragraphs up to the code that they announce, with the code. Empty if no code is nearby."""
    end = next((at for at in range(index, len(blocks)) if blocks[at].kind != "paragraph"), index)
    texts = [block.text for block in blocks[index:end]]
    if end == index or blocks[end].kind != "code" or sum(map(len, texts)) > _ENOUGH:
        return []
    return [*(unit.text for unit in split_units(blocks[index:end])), blocks[end].text]


def _series(question: Question, blocks: list[Block], unit: Unit, others: Sequence[Unit]) -> list[str]:
    """Return a list item or table row, or all of them if the question asks for several or for steps.

    If only one row has the code of the question, it is enough: the other rows are about other codes.
    """
    group = [index for index, block in enumerate(blocks) if block.group == blocks[unit.block].group]
    lead = _announcement(blocks, group[0])
    if both := _compared(question, blocks, group):
        return [*lead, *_bounded(both)]
    wants_all = question.asks == "list" or (question.asks == "how" and blocks[unit.block].is_numbered)
    named = [index for index in group if question.codes and question.has_codes_in(blocks[index].text)]
    is_alone = unit.kind == "row" and named == [unit.block]
    if not is_alone and (wants_all or _is_announced(question, lead, unit)):
        return [*lead, *_bounded([blocks[index].text for index in group])]
    end = unit.block + 1
    if unit.kind == "item":  # The items that follow complete a short one.
        while end in group and sum(len(block.text) for block in blocks[unit.block : end]) < _ENOUGH // 2:
            end += 1
    wanted = {*range(unit.block, end), *(other.block for other in others)}
    between = range(min(wanted), max(wanted) + 1)
    if sum(len(blocks[index].text) for index in between) > _MAX_PROSE:
        return [*lead, *_bounded([blocks[index].text for index in sorted(wanted)])]
    return [*lead, *_bounded([blocks[index].text for index in between])]


def _compared(question: Question, blocks: list[Block], group: list[int]) -> list[str]:
    """Return the rows or items about the two things that a question compares, if both have one."""
    found = [
        next((index for index in group if stems(blocks[index].text[:_MAX_LABEL]) & side), None)
        for side in question.sides or ()
    ]
    known = sorted({index for index in found if index is not None})
    return [blocks[index].text for index in known] if len(known) > 1 else []


def _announcement(blocks: list[Block], index: int) -> list[str]:
    """Return the last sentences of the paragraph before a list, a table or code, if it ends with a colon."""
    before = blocks[index - 1] if index else None
    if before is None or before.kind != "paragraph" or not announces(before.text[-_MAX_LEAD:]):
        return []
    sentences = [unit.text for unit in split_units([before])]
    return _last(sentences) or [text for text in sentences[-1:] if len(text) <= _MAX_LEAD * 2]


def _cause(question: Question, blocks: list[Block], index: int) -> list[str]:
    """Return the block that says when an output, such as an error message, appears, or nothing."""
    if question.asks in _NEEDS_CODE or index < 1 or not refers_back(blocks[index].text):
        return []
    group = [block.text for block in blocks[:index] if block.group == blocks[index - 1].group]
    texts = [*_announcement(blocks, index - len(group)), *group]
    return texts if sum(map(len, texts)) <= _MAX_PROSE else []


def _is_announced(question: Question, lead: list[str], unit: Unit) -> bool:
    """Return whether the announcement has more words of the question than the item, so that the list answers it."""
    of_lead = question.stems & stems(" ".join(lead))
    return len(of_lead) > len(question.stems) / 2 and len(of_lead) > len(question.stems & stems(unit.text))


def _last(texts: list[str]) -> list[str]:
    """Return the last texts, up to the maximum length of an announcement."""
    kept: list[str] = []
    for text in reversed(texts):
        if sum(map(len, kept)) + len(text) > _MAX_LEAD:
            break
        kept.insert(0, text)
    return kept


def _whole(blocks: list[Block], index: int) -> list[str]:
    return _bounded([block.text for block in blocks[index:] if block.group == blocks[index].group])


def _bounded(texts: list[str]) -> list[str]:
    """Return the first texts, up to the maximum length of a quote."""
    kept: list[str] = []
    for text in texts[:_MAX_ITEMS]:
        if kept and sum(map(len, kept)) + len(text) > _MAX_CHARACTERS:
            break
        kept.append(text)
    return kept


def _length(units: list[Unit]) -> int:
    return sum(len(unit.text) for unit in units)
