"""The confidence of quotes is fitted to graded answers."""

import itertools

from research.quoting.fitting import fit, trade_off
from research.quoting.gathering import Outcome

OUTCOMES = [
    Outcome(
        evidence={"cosine": cosine / 10, "noise": noise},
        is_right=cosine > 5,
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
    points = {point.threshold: point for point in trade_off(OUTCOMES)}
    assert points[0.0].wrong_with_confidence == 0.5
    assert points[0.0].right_or_partly == 0.5
    assert points[0.5].wrong_with_confidence < 0.1
    assert points[0.5].right_or_partly > 0.7  # The three tenths without an answer are right if they are declined.
