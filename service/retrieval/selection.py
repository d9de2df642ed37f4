"""Candidates without those that say the same again, and not all of one document while others have something to say."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.types import ScoredChunk

_WORD = re.compile(r"\w+")
_SHINGLE_WORDS = 5

Shingles = frozenset[tuple[str, ...]]


SelectionReason = Literal["taken", "beyond_limit", "repeats", "document_has_its_share"]
"""beyond_limit: others are better. repeats: a better one says the same. document_has_its_share: others came first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A passage that came into question, and what became of it."""

    hit: ScoredChunk
    reason: SelectionReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The passages that are used, best first, and every candidate in the order in which it came."""

    hits: Sequence[ScoredChunk]
    candidates: Sequence[Candidate]


def choose(candidates: Sequence[ScoredChunk], *, limit: int, overlap: float, per_document: int | None) -> Selection:
    """Duplicates go first: one document's second passage must not stand behind a third copy of its first."""
    distinct = list(without_duplicates(candidates, overlap=overlap))
    hits = (list(spread(distinct, per_document=per_document)) if per_document else distinct)[:limit]
    # By identity: each list holds the very candidates, and to compare passages is to compare their texts.
    taken, kept, best = ({id(hit) for hit in some} for some in (hits, distinct, distinct[:limit]))

    def reason_for(hit: ScoredChunk) -> SelectionReason:
        if id(hit) in taken:
            return "taken"
        if id(hit) not in kept:
            return "repeats"
        return "document_has_its_share" if id(hit) in best else "beyond_limit"

    return Selection(hits=hits, candidates=[Candidate(hit=hit, reason=reason_for(hit)) for hit in candidates])


def without_duplicates(hits: Iterable[ScoredChunk], *, overlap: float) -> Iterator[ScoredChunk]:
    """The better one of two passages whose runs of five words agree to at least `overlap` (Jaccard; Broder, 1997).

    Passages that differ in a number say different things, however alike they are.
    """
    kept: list[tuple[frozenset[str], Shingles]] = []
    for hit in hits:
        words = _WORD.findall(hit.chunk.text.lower())
        numbers, shingles = frozenset(filter(str.isdigit, words)), _shingles(words)
        if any(numbers == other and _agreement(shingles, others) >= overlap for other, others in kept):
            continue
        kept.append((numbers, shingles))
        yield hit


def spread(hits: Iterable[ScoredChunk], *, per_document: int) -> Iterator[ScoredChunk]:
    """At most so many of one document first; what is beyond comes when the others have nothing more."""
    counted: Counter[str] = Counter()
    beyond = []
    for hit in hits:
        counted[hit.chunk.document_id] += 1
        if counted[hit.chunk.document_id] <= per_document:
            yield hit
        else:
            beyond.append(hit)
    yield from beyond


def _shingles(words: list[str]) -> Shingles:
    """A passage shorter than a shingle is one itself."""
    starts = range(max(1, len(words) - _SHINGLE_WORDS + 1))
    return frozenset(tuple(words[start : start + _SHINGLE_WORDS]) for start in starts)


def _agreement(first: Shingles, second: Shingles) -> float:
    return len(first & second) / len(first | second)
