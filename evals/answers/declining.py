"""The trade-off of the threshold for declining: wrongly declined questions against questions that should have been."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from evals.answers.gold import GoldQuestion
from evals.answers.results import AnswerRun, Estimate

# Shares of answerable questions that may be declined wrongly, from strict to lenient.
_ACCEPTED_SHARES = (0.01, 0.02, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdPoint:
    """A nearness threshold and its effect on questions that were not used to choose it."""

    threshold: float
    chosen: str
    recall: Estimate
    precision: Estimate | None
    """None if no question is declined."""
    wrongly_declined: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """Nearness by question id, separately for answerable and unanswerable questions."""

    answerable: Mapping[str, float]
    unanswerable: Mapping[str, float]
    points: Sequence[ThresholdPoint]


def weigh_declining(questions: Sequence[GoldQuestion], run: AnswerRun, *, threshold: float) -> Tradeoff | None:
    """Measure the configured threshold on all questions, and others that are chosen on one half.

    Return None without unanswerable questions.
    """
    nearness = run.values("nearness")
    asked = [question for question in questions if question.id in nearness]
    answerable = {question.id: nearness[question.id] for question in asked if question.is_answerable}
    unanswerable = {question.id: nearness[question.id] for question in asked if not question.is_answerable}
    if not answerable or not unanswerable:
        return None
    points = [_measure(threshold, "as configured, all questions", answerable, unanswerable)]
    chosen_on = {question.id for question in asked if question.half == "choose"}
    choosing = sorted(value for question, value in answerable.items() if question in chosen_on)
    reported = (_without(chosen_on, answerable), _without(chosen_on, unanswerable))
    if choosing and all(reported):
        for share in _ACCEPTED_SHARES:
            chosen = choosing[int(share * len(choosing))]
            points.append(_measure(chosen, f"at most {share:.0%} are wrongly declined", *reported))
    return Tradeoff(answerable=answerable, unanswerable=unanswerable, points=points)


def _without(left_out: Set[str], nearness: Mapping[str, float]) -> dict[str, float]:
    return {question: value for question, value in nearness.items() if question not in left_out}


def _measure(
    threshold: float, chosen: str, answerable: Mapping[str, float], unanswerable: Mapping[str, float]
) -> ThresholdPoint:
    wrongly = [float(value < threshold) for value in answerable.values()]
    rightly = [float(value < threshold) for value in unanswerable.values()]
    declined = [0.0] * int(sum(wrongly)) + [1.0] * int(sum(rightly))
    return ThresholdPoint(
        threshold=threshold,
        chosen=chosen,
        recall=Estimate.of(rightly),
        precision=Estimate.of(declined) if declined else None,
        wrongly_declined=Estimate.of(wrongly),
    )
