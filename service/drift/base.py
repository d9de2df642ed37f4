"""What is observed of a question and its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rag.types import Vector

Feature = Literal[
    "projection_1",
    "projection_2",
    "projection_3",
    "projection_4",
    "nearest_questions",
    "similarity",
    "margin",
    "unknown_words",
    "answer_words",
    "grounded",
    "refused",
]
"""
projection_1 to 4   the question's vector along the reference's principal axes
nearest_questions   mean cosine of the question and the five nearest ones of the reference: low for a stranger
similarity          cosine of the question and the best passage
margin              by how much the best passage is nearer than the second
unknown_words       share of the question's words that the collection does not have
answer_words        length of the answer
grounded            share of the answer's words that stand in its passages; where a model wrote it
refused             1 where the documents do not hold it
"""

OF_THE_VECTOR: tuple[Feature, ...] = (
    "projection_1",
    "projection_2",
    "projection_3",
    "projection_4",
    "nearest_questions",
)
OF_THE_ANSWER: tuple[Feature, ...] = ("similarity", "margin", "unknown_words", "answer_words", "grounded", "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One question; what does not apply to it is missing from `values`."""

    vector: Vector
    values: Mapping[Feature, float]
    """Of the features that the vector alone does not tell."""
