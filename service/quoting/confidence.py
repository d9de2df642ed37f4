"""How likely it is that the best unit answers the question."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rag.types import ScoredChunk
from service.quoting.questions import Question
from service.quoting.ranking import CONFIDENCE
from service.quoting.signals import Candidate
from service.sentences import stems

# The passages whose words count. A word that none of them has is a sign that the documents are about something else.
_READ = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A candidate with its final score, and with the cosine in it."""

    score: float
    cosine: float
    candidate: Candidate


def evidence_for(question: Question, passages: Sequence[ScoredChunk], ranked: Sequence[Ranked]) -> dict[str, float]:
    """Return what speaks for the best candidate and against it."""
    best = ranked[0]
    signals = best.candidate.signals
    other = next((it.score for it in ranked[1:] if it.candidate.rank != best.candidate.rank), ranked[-1].score)
    known = stems(" ".join(hit.chunk.passage for hit in passages[:_READ]))
    is_about = max(signals["key"], signals["defines"], signals["titled_first"])
    return {
        "score": best.score,
        "cosine": best.cosine,
        "margin": min(best.score - other, 5.0),
        "missing": len(question.stems - known) / max(1, len(question.stems)),
        "about": is_about,
        "mentions": float(question.is_bare and not is_about),
    }


def confidence(evidence: dict[str, float]) -> float:
    """Return the probability that the best candidates answer, fitted to labelled questions (ADR 65)."""
    total = CONFIDENCE["bias"] + sum(CONFIDENCE[name] * value for name, value in evidence.items())
    return 1 / (1 + math.exp(-total))
