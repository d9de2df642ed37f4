"""Selection of passages: no duplicates, and optionally few passages from one document."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.types import ScoredChunk
from service.retrieval.reranking.budgeted import RerankExtent

_WORD = re.compile(r"\w+")
_SHINGLE_WORDS = 5

Shingles = frozenset[tuple[str, ...]]
SelectionReason = Literal["taken", "beyond_limit", "repeats", "document_has_its_share"]
"""Why a candidate was selected or not.

taken                    selected
beyond_limit             enough other candidates are better
repeats                  duplicate of a better candidate
document_has_its_share   its document already has enough passages
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A passage that the search returned, and the reason for its selection."""

    hit: ScoredChunk
    reason: SelectionReason


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievedPassages:
    """The selected passages, best first."""

    hits: Sequence[ScoredChunk]
    candidates: Sequence[Candidate] = ()
    """All candidates, in the order of search and reranking."""
    reranking: RerankExtent | None = None
    """How many candidates the reranker scored in time. None without a reranker."""


def select(
    candidates: Sequence[ScoredChunk], *, limit: int, overlap: float, per_document: int | None
) -> RetrievedPassages:
    """Select at most `limit` passages. Duplicates go first, or they would use up the places of their document."""
    distinct = list(without_duplicates(candidates, overlap=overlap))
    hits = (list(spread(distinct, per_document=per_document)) if per_document else distinct)[:limit]
    # Compared by identity, because comparing passages by value would compare their texts.
    taken, unique, best = ({id(hit) for hit in some} for some in (hits, distinct, distinct[:limit]))

    def reason_for(hit: ScoredChunk) -> SelectionReason:
        if id(hit) in taken:
            return "taken"
        if id(hit) not in unique:
            return "repeats"
        return "document_has_its_share" if id(hit) in best else "beyond_limit"

    return RetrievedPassages(hits=hits, candidates=[Candidate(hit=hit, reason=reason_for(hit)) for hit in candidates])


def without_duplicates(hits: Iterable[ScoredChunk], *, overlap: float) -> Iterator[ScoredChunk]:
    """Yield each passage unless a better one has at least `overlap` of its five-word runs (Jaccard; Broder, 1997).

    Passages that differ in a number are never duplicates: two versions of a manual may differ in nothing else.
    """
    distinct: list[tuple[frozenset[str], Shingles]] = []
    for hit in hits:
        words = _WORD.findall(hit.chunk.text.lower())
        numbers, shingles = frozenset(filter(str.isdigit, words)), _shingles(words)
        if any(numbers == other and _agreement(shingles, others) >= overlap for other, others in distinct):
            continue
        distinct.append((numbers, shingles))
        yield hit


def spread(hits: Iterable[ScoredChunk], *, per_document: int) -> Iterator[ScoredChunk]:
    """Yield at most `per_document` passages of each document, then the remaining ones."""
    counts: Counter[str] = Counter()
    beyond = []
    for hit in hits:
        counts[hit.chunk.document_id] += 1
        if counts[hit.chunk.document_id] <= per_document:
            yield hit
        else:
            beyond.append(hit)
    yield from beyond


def _shingles(words: list[str]) -> Shingles:
    """Return all runs of five words. A shorter passage is a single run."""
    starts = range(max(1, len(words) - _SHINGLE_WORDS + 1))
    return frozenset(tuple(words[start : start + _SHINGLE_WORDS]) for start in starts)


def _agreement(first: Shingles, second: Shingles) -> float:
    return len(first & second) / len(first | second)
