"""Candidates without those that say the same again, and not all of one document while others have something to say."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from rag.types import ScoredChunk

_WORD = re.compile(r"\w+")
_SHINGLE_WORDS = 5

Shingles = frozenset[tuple[str, ...]]


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
