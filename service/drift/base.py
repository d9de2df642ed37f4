"""Features that the drift watch observes for each question and its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from rag.types import Vector

_OfVector = Literal["projection_1", "projection_2", "projection_3", "projection_4", "nearest_questions"]
_OfAnswer = Literal["similarity", "margin", "unknown_words", "answer_words", "grounded", "declined"]
Feature = _OfVector | _OfAnswer
"""
projection_1 to 4   the question vector along the principal axes of the reference
nearest_questions   mean cosine of the question and the five nearest reference questions; low for unusual questions
similarity          cosine of the question and the best passage
margin              difference of the cosines of the best and the second passage
unknown_words       share of the question's words that do not occur in the collection
answer_words        length of the answer in words
grounded            share of the answer's words that occur in its passages; only if a model wrote the answer
declined            1 if the answer was declined, otherwise 0
"""

FORMER_NAMES: Mapping[str, Feature] = {"refused": "declined"}
"""Names of features in files that an earlier version wrote."""

OF_THE_VECTOR: tuple[Feature, ...] = get_args(_OfVector)
OF_THE_ANSWER: tuple[Feature, ...] = get_args(_OfAnswer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The features of one question. `values` omits features that do not apply to it."""

    vector: Vector
    values: Mapping[Feature, float]
    """Features that cannot be computed from the vector alone."""
