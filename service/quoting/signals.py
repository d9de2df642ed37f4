"""The signals of each candidate: what speaks for a unit of a passage as the answer to a question."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rag.types import ScoredChunk
from rag.words import to_words
from service.quoting.blocks import Block, Unit, split_blocks, split_units
from service.quoting.questions import Question, named
from service.quoting.wording import (
    ASKS_FOR_CHANGES,
    CHANGES,
    COMMAND,
    DEFINES,
    IMPERATIVE,
    NUMBER,
    REASON,
    REFERENCE,
    is_dependent,
)
from service.sentences import QUESTION_MARKS, content_stems, stems

_FLAGS: Final = re.IGNORECASE | re.VERBOSE
_EDGES: Final = " .?!:*`\"'"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit of a passage with its signals."""

    unit: Unit
    rank: int
    """Rank of its passage, from 0."""
    signals: dict[str, float]


def read_candidates(question: Question, hits: Sequence[ScoredChunk]) -> list[Candidate]:
    """Return all units of the passages, each with its signals. The same text counts once, in its best passage."""
    term = question.term and named(question.term)
    defining = re.compile(rf"^\W*(?:(?:the|an?)\ )?(?:\w+\ )?\W?{term}{DEFINES}", _FLAGS) if term else None
    names = re.compile(term, re.IGNORECASE) if term else None
    codes = [re.compile(named(code), re.IGNORECASE) for code in question.codes]
    passages = [_Passage(hit) for hit in hits]
    units = [(rank, passage, unit) for rank, passage in enumerate(passages) for unit in passage.units]
    words = [stems(unit.text) for _, _, unit in units]
    frequency = Counter(stem for some in words for stem in some)
    weights = {stem: math.log((len(words) + 1) / (frequency[stem] or 1)) for stem in question.stems}
    total = sum(weights.values()) or 1.0
    best = max((hit.score for hit in hits), default=1.0) or 1.0
    changes = bool(ASKS_FOR_CHANGES.search(question.text))
    asked = question.text.strip(_EDGES).lower()
    seen: set[str] = set()
    candidates: list[Candidate] = []

    def share(some: frozenset[str]) -> float:
        return sum(weights[stem] for stem in question.stems & some) / total

    for (rank, passage, unit), unit_words in zip(units, words, strict=True):
        text = " ".join(unit.text.split())
        spaced = to_words(text)
        if text in seen or (not question.is_bare and asked in text.lower()):
            continue
        seen.add(text)
        plain = text.strip(_EDGES).lower()
        own = share(unit_words)
        leaf = content_stems(unit.question) if unit.question else passage.leaf
        is_reply = unit.is_reply if unit.question else passage.is_question and unit.block == 0 and unit.position == 0
        announced = passage.announcement(unit)
        around = share(unit_words | leaf | stems(announced))
        far = share(unit_words | leaf | passage.path | stems(announced))
        fit = len(question.stems & leaf) / len(leaf | question.stems) if leaf else 0.0
        count = len(text.split())
        key = passage.key_of(unit)
        asks = question.asks
        follows_code = passage.is_followed_by(unit, "code")
        follows_list = passage.is_followed_by(unit, "item") or passage.is_followed_by(unit, "row")
        signals = {
            "score": passage.hit.score / best,
            "similarity": passage.hit.similarity,
            "overlap": own,
            "around": around,
            "far": far,
            "heading": share(leaf),
            "heading_fit": fit,
            "reply": float(is_reply) * fit,
            "rank": math.log1p(rank),
            "term_rank": math.log1p(rank) * bool(question.term),
            "first": float(unit.block == 0 and unit.position == 0),
            "first_in_paragraph": float(unit.kind == "sentence" and unit.position == 0),
            "position": math.log1p(unit.block + unit.position),
            "item": float(unit.kind == "item"),
            "row": float(unit.kind == "row"),
            "code": float(unit.kind == "code"),
            "words": math.log1p(count),
            "short": float(count < 5 and unit.kind == "sentence"),
            "dependent": float(is_dependent(text)),
            "changes": float(not changes and bool(CHANGES.search(passage.headings))),
            "reference": float(not changes and bool(REFERENCE.search(text))),
            "repeats": float(plain == asked),
            "defines": float(bool(defining and defining.match(spaced))),
            "key": float(bool(question.term and key == question.term)),
            "key_lists": float(bool(names and key and key != question.term and names.search(key))),
            "titled": float(bool(question.term and passage.title == question.term)),
            "titled_first": float(
                bool(question.term and passage.title == question.term and unit.block == 0 and unit.position == 0)
            ),
            "names": float(bool(names and names.search(spaced))),
            "lacks_code": float(bool(codes) and not all(code.search(spaced) for code in codes)),
            "colon": float(text.endswith(":")),
            "how_code": float(asks == "how" and (unit.kind == "code" or follows_code)),
            "how_command": float(asks == "how" and bool(COMMAND.search(unit.text))),
            "how_numbered": float(asks == "how" and passage.blocks[unit.block].is_numbered),
            "how_imperative": float(asks == "how" and bool(IMPERATIVE.match(text))),
            "how_row": float(asks == "how" and unit.kind == "row"),
            "list_list": float(asks == "list" and (unit.kind in ("item", "row") or follows_list)),
            "list_commas": float(asks == "list" and text.count(",") >= 2),
            "number_digit": float(asks == "number" and bool(NUMBER.search(text))),
            "number_none": float(asks == "number" and not NUMBER.search(text)),
            "reason_cause": float(asks == "reason" and bool(REASON.search(text))),
            "other_code": float(asks != "how" and unit.kind == "code"),
            "definition_dependent": float(bool(question.term) and is_dependent(text)),
        }
        candidates.append(Candidate(unit=unit, rank=rank, signals=signals))
    return candidates


class _Passage:
    def __init__(self, hit: ScoredChunk) -> None:
        self.hit = hit
        self.blocks: list[Block] = split_blocks(hit.chunk.text)
        self.units = split_units(self.blocks)
        path = hit.chunk.heading_path
        self.headings = " > ".join(path)
        self.title = path[-1].lower().strip(" `:") if path else ""
        self.leaf = content_stems(path[-1]) if path else frozenset()
        self.is_question = bool(path) and path[-1].rstrip()[-1:] in QUESTION_MARKS
        self.path = stems(" ".join([hit.chunk.title, *path[:-1]]))

    def announcement(self, unit: Unit) -> str:
        """Return the paragraph that announces a list, a table or code, or that a sentence stands in."""
        block = self.blocks[unit.block]
        if unit.kind == "sentence":
            return ""
        first = next((index for index, other in enumerate(self.blocks) if other.group == block.group), unit.block)
        before = self.blocks[first - 1] if first else None
        return before.text if before and before.kind == "paragraph" else ""

    def is_followed_by(self, unit: Unit, kind: str) -> bool:
        following = self.blocks[unit.block + 1 : unit.block + 2]
        return unit.kind == "sentence" and bool(following) and following[0].kind == kind

    @staticmethod
    def key_of(unit: Unit) -> str:
        """Return what a table row or a list item is about, in lower case: its first value, or its first words."""
        if unit.kind == "row":
            first = unit.text.split(" | ")[0]
            return first.partition(": ")[2].strip(' `*"').lower() or first.strip(' `*"|').lower()
        if unit.kind == "item":
            match = re.match(r"^\s*(?:[-*+•]|\d+[.)])\s+(.{1,60}?)(?:\s*[:\u2013\u2014]|\s+-\s|\s*\()", unit.text)
            return match[1].strip(' `*"').lower() if match else ""
        return ""
