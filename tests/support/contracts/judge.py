"""The contract of judges. The test file of each adapter collects this suite."""

import pytest

from service.judging.base import Judge, Subject
from service.judging.rubrics import PAIRWISE, load_rubric

_SUBJECT = Subject(
    question="When was the bridge opened?", passages=["The bridge was opened in March 1932."], answer="In March 1932."
)
_PAIR = {"first": "In March 1932.", "second": "Bread is baked."}


class JudgeContract:
    """A subclass provides the fixture `judge`."""

    @pytest.mark.parametrize("name", ["completeness", PAIRWISE])
    async def test_a_verdict_has_a_label_of_its_rubric(self, judge: Judge, name):
        rubric = await load_rubric(name)
        verdict = await judge.judge(rubric, _values(name))
        assert verdict.rubric == rubric.version
        assert verdict.label in rubric.verdicts
        assert min(rubric.verdicts.values()) <= verdict.score <= max(rubric.verdicts.values())

    async def test_the_same_answer_gets_the_same_verdict(self, judge: Judge):
        rubric = await load_rubric("completeness")
        values = _values("completeness")
        assert await judge.judge(rubric, values) == await judge.judge(rubric, values)

    async def test_it_names_itself(self, judge: Judge):
        assert judge.name


def _values(rubric: str) -> dict[str, str]:
    values = dict(_SUBJECT.to_values())
    if rubric == PAIRWISE:
        del values["answer"]
        values |= _PAIR
    return values
