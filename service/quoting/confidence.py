"""How likely it is that the best unit answers the question."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.quoting.ranking import CONFIDENCE
from service.quoting.signals import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A candidate with its final score, and with the cosine in it."""

    score: float
    cosine: float
    candidate: Candidate


def evidence_for(ranked: Sequence[Ranked]) -> dict[str, float]:
    """Return what speaks for the best candidate.

    `about` is 1 if it defines the term of the question, or is its row or its section.
    """
    best, signals = ranked[0], ranked[0].candidate.signals
    about = max(signals[name] for name in ("key", "defines", "abbreviates", "titled_first", "section"))
    return {"score": best.score, "cosine": best.cosine, "about": about}


def confidence(evidence: Mapping[str, float]) -> float:
    """Return the probability that the best candidates answer, fitted to graded answers (ADR 65)."""
    total = CONFIDENCE["bias"] + sum(CONFIDENCE[name] * value for name, value in evidence.items())
    return 1 / (1 + math.exp(-total))
