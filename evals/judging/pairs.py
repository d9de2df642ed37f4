"""Two answers to one question, judged in both orders."""

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
    """Two answers, with what they must be measured by."""

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
    """What the judge prefers, and how much of it was the order."""

    of: Sequence[Preference | None]
    """One for each pair; None where one of the two orders gave no verdict."""
    position_bias: float
    """Share of pairs with two verdicts on which these differ: they count as ties."""


async def prefer(judge: Judge, rubric: PromptTemplate, pairs: Sequence[Pair], *, concurrency: int) -> Preferences:
    """Each pair twice; a preference is one that both orders give."""
    inputs = [pair.to_values(swapped=swapped) for pair in pairs for swapped in (False, True)]
    verdicts = await judge_all(judge, rubric, inputs, concurrency=concurrency)
    both = list(zip(verdicts[::2], verdicts[1::2], strict=True))
    read = [(one, _SWAPPED[other.label]) for one, other in both if one and other]
    differing = sum(one.label != other for one, other in read)
    return Preferences(of=[_agreed(*pair) for pair in both], position_bias=differing / len(read) if read else 0.0)


def _agreed(one: Verdict | None, other: Verdict | None) -> Preference | None:
    if one is None or other is None:
        return None
    back = _SWAPPED[other.label]
    return back if one.label == back else "tie"
