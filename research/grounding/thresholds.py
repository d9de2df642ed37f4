"""Thresholds of the check, chosen on one half of labelled pairs and reported on the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

import numpy as np

from rag.embedding.base import Embedder
from research.grounding.pairs import Kind, Pair
from service.grounding.checking import EMBEDDED
from service.grounding.evidence import Evidence, Reading, weigh

HEADER = """| kind | pairs | supported | by vectors | contradicted |
|---|---|---|---|---|"""

# Of the pairs of the other kind, so many may be decided wrongly by each threshold for words.
_ACCEPTED = 0.01
# Beyond these shares, words decide with every threshold that could be chosen.
_NEVER_ASKED = (0.4, 0.9)
# These pairs differ from supported ones in their words. Rules find the others.
_BY_WORDS = ("other", "remainder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A pair with its evidence."""

    pair: Pair
    evidence: Evidence
    cosine: float = 0.0
    """Largest cosine of the sentence and the nearest parts of the passage. 0 if vectors are never asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The shares of words between which vectors are asked, and the cosine from which they support a sentence."""

    unsupported: float
    supported: float
    cosine: float

    def asks(self, it: Weighed) -> bool:
        return not it.evidence.contradicts and self.unsupported <= it.evidence.share < self.supported

    def supports(self, it: Weighed) -> bool:
        if self.asks(it):
            return it.cosine >= self.cosine
        return not it.evidence.contradicts and it.evidence.share >= self.supported


@dataclass(frozen=True, slots=True, kw_only=True)
class KindResult:
    """The verdicts on the pairs of one kind, as shares."""

    kind: Kind
    pairs: int
    supported: float
    asked: float
    contradicted: float

    def to_row(self) -> str:
        return f"| {self.kind} | {self.pairs} | {self.supported:.1%} | {self.asked:.1%} | {self.contradicted:.1%} |"


async def weigh_pairs(pairs: Sequence[Pair], embedder: Embedder) -> list[Weighed]:
    return [await _weigh(pair, embedder) for pair in pairs]


def choose(weighed: Sequence[Weighed]) -> Thresholds:
    """Return the thresholds that the first half of the pairs chooses."""
    half = [it for it in weighed if it.pair.half == "choose" and not it.evidence.contradicts]
    good = [it for it in half if it.pair.is_supported]
    bad = [it for it in half if it.pair.kind in _BY_WORDS]
    unsupported = round(float(np.quantile([it.evidence.share for it in good], _ACCEPTED)), 2)
    supported = round(float(np.quantile([it.evidence.share for it in bad], 1 - _ACCEPTED)), 2)
    candidates = [
        Thresholds(unsupported=unsupported, supported=supported, cosine=round(float(cosine), 2))
        for cosine in np.arange(0.3, 0.95, 0.05)
    ]
    return max(candidates, key=lambda it: _balanced_accuracy(it, good, bad))


def report(weighed: Sequence[Weighed], thresholds: Thresholds) -> Iterator[KindResult]:
    """Yield the verdicts on the other half."""
    for kind in get_args(Kind):
        some = [it for it in weighed if it.pair.half == "report" and it.pair.kind == kind]
        yield KindResult(
            kind=kind,
            pairs=len(some),
            supported=float(np.mean([thresholds.supports(it) for it in some])),
            asked=float(np.mean([thresholds.asks(it) for it in some])),
            contradicted=float(np.mean([it.evidence.contradicts for it in some])),
        )


_read = lru_cache(Reading)


async def _weigh(pair: Pair, embedder: Embedder) -> Weighed:
    evidence = weigh(pair.sentence, [_read(pair.passage)])
    if evidence.contradicts or not _NEVER_ASKED[0] <= evidence.share < _NEVER_ASKED[1]:
        return Weighed(pair=pair, evidence=evidence)
    vectors = np.stack(await embedder.embed_passages([pair.sentence, *evidence.nearest[:EMBEDDED]]))
    return Weighed(pair=pair, evidence=evidence, cosine=float((vectors[1:] @ vectors[0]).max()))


def _balanced_accuracy(thresholds: Thresholds, good: Sequence[Weighed], bad: Sequence[Weighed]) -> float:
    kept, dropped = ([thresholds.supports(it) for it in some] for some in (good, bad))
    return float(np.mean(kept)) - float(np.mean(dropped))
