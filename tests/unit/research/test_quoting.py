"""The confidence of quotes is fitted to graded answers."""

import itertools
import math

import pytest

from research.quoting.fitting import Point, Thresholds, fit, predict, weigh
from research.quoting.gathering import Outcome

OUTCOMES = [
    Outcome(
        evidence={"cosine": cosine / 10, "noise": noise},
        is_right=cosine > 5,
        is_right_if_unsure=cosine > 6,
        is_right_or_partly=cosine > 4,
        is_answerable=cosine > 2,
    )
    for cosine, noise in itertools.product(range(10), (0.0, 1.0, 2.0))
]


def test_evidence_that_tells_right_answers_apart_gets_the_weight():
    weights = fit(OUTCOMES)
    assert weights["cosine"] > 1
    assert abs(weights["noise"]) < 0.1


def test_a_higher_threshold_declines_what_would_have_been_wrong():
    answering, declining = (weighed(min_confidence=lowest, sure_confidence=0) for lowest in (0, 0.5))
    assert (answering.wrong_with_confidence, answering.right_or_partly, answering.declined) == (0.5, 0.5, 0)
    assert math.isnan(answering.refusal_precision)
    assert declining.wrong_with_confidence < 0.1
    assert declining.right_or_partly > 0.7  # The three tenths without an answer are right if they are declined.
    assert (declining.refusal_precision, declining.refusal_recall) == (pytest.approx(0.6, abs=0.1), 1)


def test_an_unsure_answer_is_not_wrong_with_confidence_and_may_begin_too_late():
    sure, unsure = (weighed(min_confidence=0, sure_confidence=threshold) for threshold in (0, 1))
    assert (sure.unsure, sure.wrong_with_confidence, sure.right) == (0, 0.5, pytest.approx(0.4))
    assert (unsure.unsure, unsure.wrong_with_confidence, unsure.right) == (1, 0, pytest.approx(0.3))
    assert unsure.right_or_partly == sure.right_or_partly


def weighed(**thresholds: float) -> Point:
    return weigh(OUTCOMES, predict(OUTCOMES), Thresholds(**thresholds))
