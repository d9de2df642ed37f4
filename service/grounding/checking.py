"""Verdicts on the sentences of an answer: supported by the passages that they cite, or not (ADR 71)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.grounding.claims import Sentence, read_claims
from service.grounding.evidence import Evidence, weigh

Verdict = Literal["supported", "unsupported", "nothing"]
"""Whether the passages support a sentence. nothing: it claims nothing that a passage could support."""

# From this share of its content words on, a sentence is supported, and below the lower one it is not (ADR 71).
_SUPPORTED = 0.75
_UNSUPPORTED = 0.45


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


class Grounding:
    """Checks answers against their passages. Words decide first, and vectors where words cannot."""

    async def check(self, answer: str, passages: Sequence[str]) -> list[CheckedSentence]:
        """Return the verdict of each sentence. The markers [1], [2], … of the answer number the passages.

        A sentence that cites several passages may draw on all of them. One without a marker needs one passage that
        supports it alone. A marker without a passage supports nothing.
        """
        return [self._check(sentence, passages) for sentence in read_claims(answer)]

    def _check(self, sentence: Sentence, passages: Sequence[str]) -> CheckedSentence:
        verdict: Verdict = "nothing"
        if sentence.is_claim:
            evidence = [weigh(sentence.text, text) for text in _texts_for(sentence, passages)]
            verdict = "supported" if any(map(_is_enough, evidence)) else "unsupported"
        return CheckedSentence(start=sentence.start, end=sentence.end, cited=sentence.cited, verdict=verdict)


def _texts_for(sentence: Sentence, passages: Sequence[str]) -> Sequence[str]:
    """Return the texts of which one must support the sentence."""
    if not sentence.cited:
        return passages
    cited = [passages[number - 1] for number in sentence.cited if 0 < number <= len(passages)]
    return ["\n\n".join(cited)] if cited else []


def _is_enough(evidence: Evidence) -> bool:
    return not evidence.contradicts and evidence.share >= (_SUPPORTED + _UNSUPPORTED) / 2
