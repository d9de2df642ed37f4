"""The port of a judge, and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.errors import BadResponse
from service.prompting.base import PromptTemplate, PromptVersion

NO_PASSAGES = "(There are no passages. Judge by what is generally known.)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An answer that is to be judged, with what it was written from."""

    question: str
    passages: Sequence[str]
    answer: str

    def to_values(self) -> Mapping[str, str]:
        """What a rubric for one answer is filled with."""
        passages = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(self.passages, start=1))
        return {"question": self.question, "passages": passages or NO_PASSAGES, "answer": self.answer}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One of the rubric's labels, and the number that the rubric gives it."""

    rubric: PromptVersion
    label: str
    score: float


class Unreadable(BadResponse):
    """The judge said something that is no verdict."""


class Judge(Protocol):
    """Whoever reads an answer after a rubric."""

    @property
    def name(self) -> str:
        """As tables, metrics and calibrations report it."""
        ...

    async def judge(self, rubric: PromptTemplate, values: Mapping[str, str]) -> Verdict:
        """Raises `Unreadable`, `BadResponse` or `Unavailable`."""
        ...
