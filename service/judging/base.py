"""The port of the judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.errors import BadResponse
from service.prompting.base import PromptTemplate, PromptVersion

NO_PASSAGES = "(There are no passages. Judge by what is generally known.)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An answer to judge, with its question and passages."""

    question: str
    passages: Sequence[str]
    answer: str

    def to_values(self) -> Mapping[str, str]:
        """Return the values of the rubric's variables."""
        passages = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(self.passages, start=1))
        return {"question": self.question, "passages": passages or NO_PASSAGES, "answer": self.answer}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A label of a rubric, with the score that the rubric assigns to it."""

    rubric: PromptVersion
    label: str
    score: float


class UnreadableVerdict(BadResponse):
    """The judge's response is not a verdict of the rubric."""


class Judge(Protocol):
    """Judges an answer: `ModelJudge`, and in evaluations `LexicalJudge` and `CachedJudge`."""

    name: str
    """Name for tables, metrics and calibrations."""

    async def judge(self, rubric: PromptTemplate, values: Mapping[str, str]) -> Verdict:
        """Return the verdict of the rubric. Raises `UnreadableVerdict`, `BadResponse` or `Unavailable`."""
