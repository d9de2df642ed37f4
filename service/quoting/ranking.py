"""The order of the candidates: a weighted sum of their signals, and of the cosine for the few best."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

from service.quoting.signals import Candidate

_FILE: Final[Mapping[str, Mapping[str, float]]] = json.loads(files(__package__).joinpath("weights.json").read_text())
WEIGHTS: Final = _FILE["signals"]
"""Weights by signal (ADR 64)."""
CONFIDENCE: Final = _FILE["confidence"]
"""Weights of the evidence for the best candidate (ADR 65)."""


def rank(candidates: Sequence[Candidate], weights: Mapping[str, float] = WEIGHTS) -> npt.NDArray[np.float64]:
    """Return the score of each candidate by words and structure alone."""
    return np.array([sum(weights[name] * value for name, value in it.signals.items()) for it in candidates])


def with_cosine(scores: npt.NDArray[np.float64], cosines: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the scores of the candidates that were embedded."""
    return scores + WEIGHTS["cosine"] * cosines
