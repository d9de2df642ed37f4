"""The order of the candidates by weighted signals, and how likely it is that the best one answers the question."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

from service.quoting.signals import Candidate

_FILE: Final[Mapping[str, Mapping[str, float]]] = json.loads(files(__package__).joinpath("weights.json").read_text())
_WEIGHTS: Final = _FILE["signals"]
"""Weights by signal (ADR 64)."""
_CONFIDENCE: Final = _FILE["confidence"]
"""Weights of the evidence for the best candidate (ADR 65)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A candidate with its final score, and with the cosine in it."""

    score: float
    cosine: float
    candidate: Candidate


def rank(candidates: Sequence[Candidate]) -> npt.NDArray[np.float64]:
    """Return the score of each candidate by words and structure alone."""
    return np.array([sum(_WEIGHTS[name] * value for name, value in it.signals.items()) for it in candidates])


def with_cosine(scores: npt.NDArray[np.float64], cosines: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the scores of the candidates that were embedded."""
    return scores + _WEIGHTS["cosine"] * cosines


def evidence_for(ranked: Sequence[Ranked]) -> dict[str, float]:
    """Return what speaks for the best candidate.

    `about` is 1 if it defines the term of the question, or is its row or its section.
    """
    best, signals = ranked[0], ranked[0].candidate.signals
    about = max(signals[name] for name in ("key", "defines", "abbreviates", "titled_first", "section"))
    return {"score": best.score, "cosine": best.cosine, "about": about}


def confidence(evidence: Mapping[str, float]) -> float:
    """Return the probability that the best candidates answer, fitted to graded answers (ADR 65)."""
    total = _CONFIDENCE["bias"] + sum(_CONFIDENCE[name] * value for name, value in evidence.items())
    return 1 / (1 + math.exp(-total))
