"""Verdicts on the sentences of an answer: supported by the passages that they cite, or not (ADR 71)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import structlog

from rag.embedding.base import Embedder
from rag.errors import BadResponse, Unavailable
from service.grounding.claims import Sentence, read_claims
from service.grounding.evidence import Evidence, Reading, weigh
from service.settings import Support

log = structlog.get_logger()

Verdict = Literal["supported", "unsupported", "nothing"]
"""Whether the passages support a sentence. nothing: it claims nothing that a passage could support."""

# From this share of its content words on, a sentence is supported, and below the lower one it is not (ADR 71).
SUPPORTED = 0.76
UNSUPPORTED = 0.65
# The share if the wording counts. Small models join words of a passage that do not belong together (ADR 71).
REPEATED = 0.92
# Between them, the cosine of the sentence and the nearest part of the passages decides (ADR 71).
COSINE = 0.7
# The parts of the passages that are embedded for one sentence. Words choose them.
EMBEDDED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSentence:
    """A sentence of an answer with its verdict."""

    start: int
    end: int
    """Offsets in the answer. The markers of its citations are included."""
    cited: tuple[int, ...]
    """Numbers of the passages that it cites. Empty: every passage was asked."""
    verdict: Verdict
    asked_vectors: bool = False
    """True if its words did not decide."""
    source: int | None = None
    """Number of a passage that supports the sentence, if its markers do not name one that does and it was searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """The shares of words that decide."""

    supported: float
    unsupported: float

    def support(self, evidence: Evidence) -> bool:
        return not evidence.contradicts and evidence.share >= self.supported

    def leave_undecided(self, evidence: Evidence) -> bool:
        return not evidence.contradicts and self.unsupported <= evidence.share < self.supported


_LIMITS: Mapping[Support, _Limits] = {
    "meaning": _Limits(supported=SUPPORTED, unsupported=UNSUPPORTED),
    # Vectors are never asked: they cannot tell who did what to whom.
    "wording": _Limits(supported=REPEATED, unsupported=REPEATED),
}


class Grounding:
    """Checks answers against their passages. Words decide first, and vectors where words cannot."""

    def __init__(self, embedder: Embedder, support: Support = "meaning") -> None:
        self._embedder = embedder
        self._limits = _LIMITS[support]

    async def check(
        self, answer: str, passages: Sequence[Reading], *, finds_sources: bool = False
    ) -> list[CheckedSentence]:
        """Return the verdict of each sentence. The markers [1], [2], … of the answer number the passages.

        A sentence that cites several passages may draw on all of them. One without a marker needs one passage that
        supports it alone. A marker without a passage supports nothing.
        `finds_sources` also searches the passage that a sentence with a wrong marker or none should cite. It compares
        each unsupported sentence with every passage.
        """
        sentences = read_claims(answer)
        weighed = [_weigh(sentence, passages) if sentence.is_claim else (None, None) for sentence in sentences]
        evidence = [found for found, _ in weighed]
        checked = [self._decide(sentence, found) for sentence, found in zip(sentences, evidence, strict=True)]
        undecided = {
            index: (sentences[index].text, found)
            for index, found in enumerate(evidence)
            if found and self._limits.leave_undecided(found)
        }
        for index, is_near in zip(undecided, await self._are_near(list(undecided.values())), strict=True):
            verdict: Verdict = "supported" if is_near else "unsupported"
            checked[index] = replace(checked[index], verdict=verdict, asked_vectors=True)
        if not finds_sources:
            return checked
        return [
            replace(found, source=self._find_source(sentence, found.verdict, strongest, passages))
            for sentence, found, (_, strongest) in zip(sentences, checked, weighed, strict=True)
        ]

    def _decide(self, sentence: Sentence, evidence: Evidence | None) -> CheckedSentence:
        """Return the verdict of the words. An undecided sentence is not supported yet."""
        verdict: Verdict = "nothing"
        if sentence.is_claim:
            verdict = "supported" if evidence and self._limits.support(evidence) else "unsupported"
        return CheckedSentence(start=sentence.start, end=sentence.end, cited=sentence.cited, verdict=verdict)

    def _find_source(
        self, sentence: Sentence, verdict: Verdict, strongest: int | None, readings: Sequence[Reading]
    ) -> int | None:
        """Return the passage that a sentence should cite. None: its markers are right, or no passage supports it.

        Models often cite the first passage, or none. If a sentence cites the wrong one, the words of another must
        decide.
        """
        if not sentence.is_prose or not sentence.is_claim:
            return None
        if verdict == "supported":
            return strongest
        if not sentence.cited:
            return None
        evidence, number = _find_strongest(sentence, readings)
        return number if evidence and self._limits.support(evidence) else None

    async def _are_near(self, undecided: Sequence[tuple[str, Evidence]]) -> list[bool]:
        """Return for each sentence whether its vector is near that of a part of the passages."""
        if not undecided:
            return []
        texts = [[sentence, *evidence.nearest[:EMBEDDED]] for sentence, evidence in undecided]
        try:
            vectors = iter(await self._embedder.embed_passages([text for some in texts for text in some]))
        except (Unavailable, BadResponse) as error:
            # The answer is written already. A sentence that is not known to be supported is not called supported.
            log.warning("grounding_without_vectors", error=type(error).__name__, sentences=len(undecided))
            return [False] * len(undecided)
        groups = [np.stack([next(vectors) for _ in some]) for some in texts]
        return [bool((group[1:] @ group[0]).max() >= COSINE) for group in groups]


def _weigh(sentence: Sentence, readings: Sequence[Reading]) -> tuple[Evidence | None, int | None]:
    """Return the evidence for a sentence, and the passage that it is from if the sentence cites none.

    There is no evidence if the sentence cites no passage that exists.
    """
    if not sentence.cited:
        return _find_strongest(sentence, readings)
    cited = [readings[number - 1] for number in sentence.cited if 0 < number <= len(readings)]
    return (weigh(sentence.text, cited) if cited else None), None


def _find_strongest(sentence: Sentence, readings: Sequence[Reading]) -> tuple[Evidence | None, int | None]:
    """Return the best evidence of a single passage, and the number of the passage."""
    each = ((weigh(sentence.text, [reading]), number) for number, reading in enumerate(readings, start=1))
    return max(each, key=lambda found: (not found[0].contradicts, found[0].share), default=(None, None))
