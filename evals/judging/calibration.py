"""Measures the agreement of a judge with people: `python -m evals calibrate` (ADR 0021)."""

from collections.abc import Sequence

from evals.judging.agreement import LabelComparison, compare
from evals.judging.batch import judge_all
from evals.judging.labelled import LabelledData, LabelledPair
from evals.judging.pairs import PREFERENCES, prefer
from rag.errors import InvalidInput
from service.judging.base import Judge, Subject, Verdict
from service.judging.calibration import Agreement
from service.judging.rubrics import PAIRWISE, load_rubric
from service.prompting.base import PromptTemplate

# Closer scores count as a tie. A model's rubric has steps of 0.5; the lexical judge's scores are continuous.
_SAME_SCORE = 0.04


async def calibrate(
    judge: Judge, data: LabelledData, rubrics: Sequence[str] | None = None, *, concurrency: int
) -> list[Agreement]:
    """Measure faithfulness on labelled answers, or preference and completeness on labelled pairs.

    `rubrics` restricts the measured rubrics. Raise `InvalidInput` if the labels cover none of them.
    """
    measures = _OF_PAIRS if data.pairs else _OF_ANSWERS
    wanted = [measure for name, measure in measures.items() if rubrics is None or name in rubrics]
    if not wanted:
        raise InvalidInput(f"The labels of {data.name} cover {', '.join(measures)}, not {', '.join(rubrics or ())}.")
    return [await measure(judge, data, concurrency) for measure in wanted]


def agreement_of_people(pairs: Sequence[LabelledPair]) -> LabelComparison:
    """Return the agreement of the two people who labelled each pair. It is the upper limit for a judge."""
    return compare([[pair.overall[0]] for pair in pairs], [pair.overall[1] for pair in pairs], PREFERENCES)


async def _faithfulness(judge: Judge, data: LabelledData, concurrency: int) -> Agreement:
    rubric = await load_rubric("faithfulness")
    subjects = [Subject(question=case.question, passages=[], answer=case.answer) for case in data.answers]
    inputs = [subject.to_values() for subject in subjects]
    verdicts = await judge_all(judge, rubric, inputs, concurrency=concurrency)
    human = [["unfaithful" if case.hallucinated else "faithful"] for case in data.answers]
    judged = [verdict.label if verdict else None for verdict in verdicts]
    return _to_agreement(judge, rubric, data.name, compare(human, judged, list(rubric.verdicts)))


async def _preference(judge: Judge, data: LabelledData, concurrency: int) -> Agreement:
    rubric = await load_rubric(PAIRWISE)
    preferences = await prefer(judge, rubric, [case.pair for case in data.pairs], concurrency=concurrency)
    comparison = compare([case.overall for case in data.pairs], preferences.of, PREFERENCES)
    return _to_agreement(
        judge, rubric, f"{data.name}, overall", comparison, position_bias=round(preferences.position_bias, 4)
    )


async def _completeness(judge: Judge, data: LabelledData, concurrency: int) -> Agreement:
    rubric = await load_rubric("completeness")
    subjects = [
        Subject(question=case.pair.question, passages=[case.pair.passages], answer=answer)
        for case in data.pairs
        for answer in (case.pair.first, case.pair.second)
    ]
    verdicts = await judge_all(judge, rubric, [subject.to_values() for subject in subjects], concurrency=concurrency)
    judged = [_better(one, other) for one, other in zip(verdicts[::2], verdicts[1::2], strict=True)]
    comparison = compare([case.completeness for case in data.pairs], judged, PREFERENCES)
    return _to_agreement(judge, rubric, f"{data.name}, completeness", comparison)


def _better(one: Verdict | None, other: Verdict | None) -> str | None:
    if one is None or other is None:
        return None
    if abs(one.score - other.score) < _SAME_SCORE:
        return "tie"
    return "first" if one.score > other.score else "second"


def _to_agreement(
    judge: Judge, rubric: PromptTemplate, data: str, comparison: LabelComparison, *, position_bias: float | None = None
) -> Agreement:
    low, high = comparison.interval
    return Agreement(
        judge=judge.name,
        rubric=str(rubric.version),
        rubric_hash=rubric.version.hash,
        data=data,
        cases=comparison.cases,
        failures=comparison.failures,
        agreement=round(comparison.agreement, 4),
        kappa=round(comparison.kappa, 4),
        interval=(round(low, 4), round(high, 4)),
        confusion=comparison.confusion,
        position_bias=position_bias,
    )


_OF_ANSWERS = {"faithfulness": _faithfulness}
_OF_PAIRS = {PAIRWISE: _preference, "completeness": _completeness}
CALIBRATED = (*_OF_ANSWERS, *_OF_PAIRS)
"""The rubrics that public labels cover."""
