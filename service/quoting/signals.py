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
from service.quoting.questions import Question, asked_by, named
from service.quoting.wording import (
    ASKS_FOR_CHANGES,
    CHANGES,
    COMMAND,
    COMPARES,
    DEFINES,
    IMPERATIVE,
    METADATA,
    NUMBER,
    POINTS,
    REASON,
    REFERENCE,
    SAYS_YES_OR_NO,
    UNITS,
    is_dependent,
)
from service.sentences import QUESTION_MARKS, content_stems, stems

_FLAGS: Final = re.IGNORECASE | re.VERBOSE
_EDGES: Final = " .?!:*`\"'"
# Texts write `max_shards` as "max shards", and `dead letter` as "dead-letter".
_LOOSE: Final = re.compile(r"(?<=\w)(?:\\?[\s_.-])+(?=\w)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit of a passage with its signals."""

    unit: Unit
    rank: int
    """Rank of its passage, from 0."""
    signals: dict[str, float]


def read_candidates(question: Question, hits: Sequence[ScoredChunk]) -> list[Candidate]:
    """Return all units of the passages, each with its signals. The same text counts once, in its best passage."""
    term = question.term and _LOOSE.sub(r"[\\s_.-]{1,2}", named(question.term))
    defining = re.compile(rf"^\W*(?:(?:the|an?)\ )?(?:\w+\ )?\W?{term}{DEFINES}|\({term}\)", _FLAGS) if term else None
    names = re.compile(term, re.IGNORECASE) if term else None
    codes = [re.compile(named(code), re.IGNORECASE) for code in question.codes]
    counted = _counts(question)
    passages = [_Passage(hit) for hit in hits]
    units = [(rank, passage, unit) for rank, passage in enumerate(passages) for unit in passage.units]
    words = [stems(unit.text) for _, _, unit in units]
    frequency = Counter(stem for some in words for stem in some)
    weights = {stem: math.log((len(words) + 1) / (frequency[stem] or 1)) for stem in question.stems}
    total = sum(weights.values()) or 1.0
    best = max((hit.score for hit in hits), default=1.0) or 1.0
    first_rank: dict[str, int] = {}
    for rank, hit in enumerate(hits):
        first_rank.setdefault(hit.chunk.document_id, rank)
    changes = bool(ASKS_FOR_CHANGES.search(question.text))
    asked = question.text.strip(_EDGES).lower()
    sides = question.sides or ()
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
        # Code has many words, so what stands around it tells better what it is for.
        context = share(leaf | stems(announced))
        fit = len(question.stems & leaf) / len(leaf | question.stems) if leaf else 0.0
        covered = len(question.stems & leaf) / len(leaf) if leaf else 0.0
        count = len(text.split())
        keys = passage.keys_of(unit)
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
            "document_rank": math.log1p(first_rank[passage.hit.chunk.document_id]),
            "term_rank": math.log1p(rank) * bool(question.term),
            "first": float(unit.block == 0 and unit.position == 0),
            "first_in_paragraph": float(unit.kind == "sentence" and unit.position == 0),
            "position": math.log1p(unit.block + unit.position),
            "item": float(unit.kind == "item"),
            "row": float(unit.kind == "row"),
            "code": float(unit.kind == "code"),
            "code_around": context * (unit.kind == "code"),
            "paths": text.count("/") / count,
            "points": float(unit.kind == "sentence" and bool(POINTS.search(text))),
            "metadata": float(bool(METADATA.match(text))),
            "words": math.log1p(count),
            "short": float(count < 5 and unit.kind == "sentence"),
            "dependent": float(is_dependent(text)),
            "changes": float(not changes and bool(CHANGES.search(passage.headings))),
            "reference": float(not changes and bool(REFERENCE.search(text))),
            "repeats": float(plain == asked),
            "defines": float(bool(defining and defining.match(spaced))),
            "key": float(bool(question.term and question.term in keys)),
            "key_lists": float(bool(names and keys and question.term not in keys and names.search(keys[0]))),
            "titled": float(bool(question.term and passage.title == question.term)),
            "titled_first": float(
                bool(question.term and passage.title == question.term and unit.block == 0 and unit.position == 0)
            ),
            "names": float(bool(names and names.search(spaced))),
            "lacks_code": float(
                bool(codes) and not all(code.search(spaced) or code.search(passage.headings) for code in codes)
            ),
            "colon": float(text.endswith(":")),
            "how_code": context * (asks == "how" and (unit.kind == "code" or follows_code)),
            "how_command": around * (asks == "how" and bool(COMMAND.search(unit.text))),
            "how_numbered": float(asks == "how" and passage.blocks[unit.block].is_numbered),
            "how_imperative": float(asks == "how" and bool(IMPERATIVE.match(text))),
            "how_row": float(asks == "how" and unit.kind == "row"),
            "list_list": float(asks == "list" and (unit.kind in ("item", "row") or follows_list)),
            "list_commas": float(asks == "list" and text.count(",") >= 2),
            "number_digit": float(asks == "number" and bool(NUMBER.search(text))),
            "number_none": float(asks == "number" and not NUMBER.search(text)),
            "reason_cause": float(asks == "reason" and bool(REASON.search(text))),
            "other_code": float(asks not in ("how", "code") and unit.kind == "code"),
            "code_code": float(asks == "code" and (unit.kind == "code" or follows_code)),
            "code_text": float(asks == "code" and unit.kind != "code" and not follows_code and "`" not in unit.text),
            "heading_covered": covered * share(leaf),
            "asked_alike": share(leaf) * (asked_by(unit.question or passage.leaf_text) == asks),
            "number_fits": float(bool(counted and counted.search(spaced))),
            "number_row": float(asks == "number" and unit.kind == "row"),
            "reason_row": float(asks == "reason" and unit.kind != "sentence"),
            "definition_row": float(asks == "definition" and unit.kind == "row" and question.term not in keys),
            "both_sides": float(bool(sides) and all(unit_words & side for side in sides)),
            "side_key": float(bool(sides) and any(stems(key) & side for side in sides for key in keys)),
            "compares": float(asks == "comparison" and bool(COMPARES.search(text))),
            "says_yes_or_no": float(asks == "yes_no" and bool(SAYS_YES_OR_NO.search(text))),
            "announced": share(stems(announced)) * (unit.kind != "sentence"),
            "list_announced": share(stems(announced)) * (asks == "list"),
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
        self.leaf_text = path[-1] if path else ""
        self.leaf = content_stems(self.leaf_text)
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
    def keys_of(unit: Unit) -> tuple[str, ...]:
        """Return what a table row or a list item is about, in lower case: its first value, or its first words.

        The label of the column may stand before or after the value, as in "the mode checked".
        """
        if unit.kind == "row":
            label, _, value = (part.strip(' `*"|').lower() for part in unit.text.split(" | ")[0].partition(": "))
            return (value, f"{label} {value}", f"{value} {label}") if value else (label,)
        if unit.kind == "item":
            match = re.match(r"^\s*(?:[-*+•]|\d+[.)])\s+(.{1,60}?)(?:\s*[:\u2013\u2014]|\s+-\s|\s*\()", unit.text)
            return (match[1].strip(' `*"').lower(),) if match else ()
        return ()


def _counts(question: Question) -> re.Pattern[str] | None:
    """Return what a value looks like that answers a question for a number."""
    if question.asks != "number":
        return None
    if question.counted:  # Something stands between the number and the thing, as in "20 more questions".
        things = "|".join(re.escape(stem) for stem in sorted(question.counted))
        return re.compile(
            rf"(?:\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten)\b)[\d,.]*\s(?:[\w-]+\s){{0,2}}(?:{things})",
            re.IGNORECASE,
        )
    return UNITS[question.measure] if question.measure != "any" else None
