"""Compares two answers to one question in both orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evals.judging.batch import judge_all
from service.judging.base import NO_PASSAGES, Judge, Verdict
from service.prompting.base import PromptTemplate

Preference = Literal["first", "second", "tie"]
PREFERENCES: tuple[Preference, ...] = ("first", "second", "tie")
_SWAPPED: Mapping[str, Preference] = {"first": "second", "second": "first", "tie": "tie"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers with their question and passages."""

    question: str
    passages: str
    first: str
    second: str

    def to_values(self, *, swapped: bool) -> Mapping[str, str]:
        first, second = (self.second, self.first) if swapped else (self.first, self.second)
        return {
            "question": self.question,
            "passages": self.passages or NO_PASSAGES,
            "first": first,
            "second": second,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The judge's preferences and its position bias."""

    of: Sequence[Preference | None]
    """One per pair. None if one of the two orders gave no verdict."""
    position_bias: float
    """Share of pairs whose two verdicts differ. These pairs count as ties."""


async def prefer(judge: Judge, rubric: PromptTemplate, pairs: Sequence[Pair], *, concurrency: int) -> Preferences:
    """Judge each pair in both orders. A preference counts only if both orders agree."""
    inputs = [pair.to_values(swapped=swapped) for pair in pairs for swapped in (False, True)]
    verdicts = await judge_all(judge, rubric, inputs, concurrency=concurrency)
    verdict_pairs = list(zip(verdicts[::2], verdicts[1::2], strict=True))
    complete = [(one, _SWAPPED[other.label]) for one, other in verdict_pairs if one and other]
    differing = sum(one.label != other for one, other in complete)
    return Preferences(
        of=[_agreed(*pair) for pair in verdict_pairs], position_bias=differing / len(complete) if complete else 0.0
    )


def _agreed(one: Verdict | None, other: Verdict | None) -> Preference | None:
    if one is None or other is None:
        return None
    swapped_back = _SWAPPED[other.label]
    return swapped_back if one.label == swapped_back else "tie"
