"""The signals of each candidate: what speaks for a unit of a passage as the answer to a question."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rag.types import ScoredChunk
from rag.words import to_words
from service.quoting.blocks import Unit
from service.quoting.passages import Passage, keys_of
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
from service.sentences import content_stems, stems

_FLAGS: Final = re.IGNORECASE | re.VERBOSE
_EDGES: Final = " .?!:*`\"'"
# Texts write `max_shards` as "max shards", and `dead letter` as "dead-letter".
_LOOSE: Final = re.compile(r"(?<=\w)(?:\\?[\s_.-])+(?=\w)")

# Verbs that go with any noun. They are rare in some passages, and would outweigh the noun.
_LIGHT: Final = stems("make get use do have want need try work happen give take set let go see run there")
_LIGHT_WEIGHT: Final = 0.3

Signals = dict[str, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit of a passage with its signals."""

    unit: Unit
    rank: int
    """Rank of its passage, from 0."""
    signals: Mapping[str, float]
    embedded: str = ""
    """The text of the unit for the embedder."""


def read_candidates(question: Question, hits: Sequence[ScoredChunk]) -> list[Candidate]:
    """Return all units of the passages, each with its signals. The same text counts once, in its best passage."""
    passages = [Passage(hit, rank) for rank, hit in enumerate(hits)]
    words = {(passage.rank, unit): stems(unit.text) for passage in passages for unit in passage.units}
    asked = _Asked(question, passages, list(words.values()))
    seen: set[str] = set()
    candidates: list[Candidate] = []
    for passage in passages:
        for unit in passage.units:
            text = " ".join(unit.text.split())
            if text in seen or (not question.is_bare and asked.text in text.lower()):
                continue
            seen.add(text)
            it = _Considered(asked, passage, unit, text, words[passage.rank, unit])
            signals = {**_of_search(asked, it), **_of_words(asked, it), **_of_form(asked, it)}
            signals |= {**_of_term(asked, it), **_of_kind(asked, it)}
            candidates.append(Candidate(unit, passage.rank, signals, passage.embedded(unit)))
    return candidates


class _Asked:
    """A question beside the passages that were found for it."""

    def __init__(self, question: Question, passages: Sequence[Passage], words: Sequence[frozenset[str]]) -> None:
        self.question = question
        self.text = question.text.strip(_EDGES).lower()
        term = question.term and _LOOSE.sub(r"[\\s_.-]{1,2}", named(question.term))
        self.names = re.compile(term, re.IGNORECASE) if term else None
        defines = rf"^\W*(?:(?:the|an?)\ )?(?:\w+\ )?\W?{term}{DEFINES}|^\({term}\)"
        self.defines = re.compile(defines, _FLAGS) if term else None
        # As in "the time to first token (TTFT)".
        self.abbreviates = re.compile(rf"\w\W{{0,3}}\((?:the\ )?{term}s?\)", _FLAGS) if term else None
        self.codes = [re.compile(named(code), re.IGNORECASE) for code in question.codes]
        self.counts = _counts(question)
        self.for_changes = bool(ASKS_FOR_CHANGES.search(question.text))
        self.best_score = max((passage.hit.score for passage in passages), default=1.0) or 1.0
        self.first_rank: dict[str, int] = {}
        for passage in passages:
            self.first_rank.setdefault(passage.hit.chunk.document_id, passage.rank)
        frequency = Counter(stem for some in words for stem in some)
        self._weights = {
            stem: math.log((len(words) + 1) / (frequency[stem] or 1)) * (_LIGHT_WEIGHT if stem in _LIGHT else 1)
            for stem in question.stems
        }
        self._total = sum(self._weights.values()) or 1.0

    def share(self, some: frozenset[str]) -> float:
        """Return how much of the question the words cover. Rare words count more."""
        return sum(self._weights[stem] for stem in self.question.stems & some) / self._total


class _Considered:
    """A unit with what stands around it."""

    def __init__(self, asked: _Asked, passage: Passage, unit: Unit, text: str, words: frozenset[str]) -> None:
        self.passage, self.unit, self.text, self.words = passage, unit, text, words
        self.spaced = to_words(text)
        self.keys = keys_of(unit)
        self.leaf = content_stems(unit.question) if unit.question else passage.leaf
        self.announced = stems(passage.announcement(unit))
        self.around = asked.share(words | self.leaf | self.announced)
        # Code has many words, so what stands around it tells better what it is for.
        self.context = asked.share(self.leaf | self.announced)
        common = len(asked.question.stems & self.leaf)
        self.fit = common / len(self.leaf | asked.question.stems) if self.leaf else 0.0
        self.covered = common / len(self.leaf) if self.leaf else 0.0
        self.is_first = unit.block == 0 and unit.position == 0
        self.is_code = unit.kind == "code"
        self.in_section = _nearness_of_section(asked.question, passage, unit)
        self.precedes_code = passage.is_followed_by(unit, "code")
        self.precedes_list = passage.is_followed_by(unit, "item") or passage.is_followed_by(unit, "row")


def _of_search(asked: _Asked, it: _Considered) -> Signals:
    """Return what the search says about the passage."""
    hit, rank = it.passage.hit, it.passage.rank
    return {
        "score": hit.score / asked.best_score,
        "similarity": hit.similarity,
        "rank": math.log1p(rank),
        "document_rank": math.log1p(asked.first_rank[hit.chunk.document_id]),
        "term_rank": math.log1p(rank) * bool(asked.question.term),
    }


def _of_words(asked: _Asked, it: _Considered) -> Signals:
    """Return which words of the question the unit has, and its heading and announcement."""
    is_reply = it.unit.is_reply if it.unit.question else it.passage.is_question and it.is_first
    heading = asked.share(it.leaf)
    asks = asked.question.asks
    return {
        "overlap": asked.share(it.words),
        "around": it.around,
        "far": asked.share(it.words | it.leaf | it.passage.path | it.announced),
        "heading": heading,
        "heading_fit": it.fit,
        "heading_covered": it.covered * heading,
        "asked_alike": heading * (asked_by(it.unit.question or it.passage.leaf_text) == asks),
        "reply": float(is_reply) * it.fit,
        "announced": asked.share(it.announced),
        "list_announced": asked.share(it.announced) * (asks == "list"),
        "code_around": it.context * it.is_code,
        "repeats": float(it.text.strip(_EDGES).lower() == asked.text),
    }


def _of_form(asked: _Asked, it: _Considered) -> Signals:
    """Return the form and the place of the unit."""
    unit, text = it.unit, it.text
    count = len(text.split())
    return {
        "first": float(it.is_first),
        "first_in_paragraph": float(unit.kind == "sentence" and unit.position == 0),
        "position": math.log1p(unit.block + unit.position),
        "item": float(unit.kind == "item"),
        "row": float(unit.kind == "row"),
        "code": float(it.is_code),
        "other_code": float(it.is_code and asked.question.asks not in ("how", "code")),
        "paths": text.count("/") / count,
        "points": float(unit.kind == "sentence" and bool(POINTS.search(text))),
        "metadata": float(bool(METADATA.match(text))),
        "words": math.log1p(count),
        "short": float(count < 5 and unit.kind == "sentence"),
        "dependent": float(is_dependent(text)),
        "colon": float(text.endswith(":")),
        "changes": float(not asked.for_changes and bool(CHANGES.search(it.passage.headings))),
        "reference": float(not asked.for_changes and bool(REFERENCE.search(text))),
    }


def _of_term(asked: _Asked, it: _Considered) -> Signals:
    """Return what the unit says about the term and the codes of the question."""
    term, spaced = asked.question.term, it.spaced
    is_title = bool(term) and it.passage.title == term
    has_codes = all(code.search(spaced) or code.search(it.passage.headings) for code in asked.codes)
    is_named = bool(asked.names and asked.names.search(spaced))
    return {
        "defines": float(bool(asked.defines and asked.defines.match(spaced))),
        "abbreviates": float(bool(asked.abbreviates and asked.abbreviates.search(spaced))),
        "definition_dependent": float(bool(term) and is_dependent(it.text)),
        "key": float(bool(term) and term in it.keys),
        "key_lists": float(bool(asked.names and it.keys and term not in it.keys and asked.names.search(it.keys[0]))),
        "lacks_code": float(not has_codes),
        "names": float(is_named),
        "section": it.in_section,
        "titled": float(is_title),
        "titled_first": float(is_title and it.is_first),
    }


def _of_kind(asked: _Asked, it: _Considered) -> Signals:
    """Return whether the unit has the form of an answer to this kind of question."""
    question, unit, text = asked.question, it.unit, it.text
    signals: Signals = {}
    match question.asks:
        case "how":
            signals = {
                "how_code": it.context * (it.is_code or it.precedes_code),
                "how_command": it.around * bool(COMMAND.search(unit.text)),
                "how_names": asked.share(it.words) * bool(it.is_code and COMMAND.search(unit.text)),
                "how_numbered": float(it.passage.blocks[unit.block].is_numbered),
                "how_imperative": float(bool(IMPERATIVE.match(text))),
                "how_row": float(unit.kind == "row"),
            }
        case "code":
            signals = {
                "code_code": float(it.is_code or it.precedes_code),
                "code_text": float(not it.is_code and not it.precedes_code and "`" not in unit.text),
            }
        case "list":
            signals = {
                "list_list": float(unit.kind in ("item", "row") or it.precedes_list),
                "list_commas": float(text.count(",") >= 2),
            }
        case "number":
            has_number = bool(NUMBER.search(text))
            signals = {
                "number_digit": float(has_number),
                "number_none": float(not has_number),
                "number_fits": float(bool(asked.counts and asked.counts.search(it.spaced))),
                "number_row": float(unit.kind == "row"),
            }
        case "reason":
            signals = {
                "reason_cause": float(bool(REASON.search(text))),
                "reason_row": float(unit.kind != "sentence"),
            }
        case "comparison":
            sides = question.sides or ()
            signals = {
                "both_sides": float(bool(sides) and all(it.words & side for side in sides)),
                "side_key": float(any(stems(key) & side for side in sides for key in it.keys)),
                "compares": float(bool(COMPARES.search(text))),
            }
        case "definition":
            signals = {"definition_row": float(unit.kind == "row" and question.term not in it.keys)}
        case "yes_no":
            signals = {"says_yes_or_no": float(bool(SAYS_YES_OR_NO.search(text)))}
    return signals


def _nearness_of_section(question: Question, passage: Passage, unit: Unit) -> float:
    """Return 1 for the beginning of the section that a question names, and less for its further text and its parts."""
    if question.is_section_of(unit.text):
        return 1.0
    path = passage.hit.chunk.heading_path
    if not any(map(question.is_headed, path)):
        return 0.0
    return (0.9 if question.is_headed(path[-1]) else 0.6) - min(unit.block, 9) / 50


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
    return UNITS.get(question.measure)
