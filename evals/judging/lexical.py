"""A judge without a model, as a baseline: it measures which share of the passages' words the answer contains."""

import re
from collections.abc import Mapping

from rag.errors import InvalidInput
from service.judging.base import Verdict
from service.prompting.base import PromptTemplate

_CONTENT_WORD = re.compile(r"\d[\d.,]*|\w{4,}")
# Chosen on every other pair of RAGChecker's meta-evaluation. Its agreement is reported on the others (ADR 0021).
_MARGIN = 0.04
_COMPLETE = 0.6
_PARTLY = 0.2


class LexicalJudge:
    """A judge for the rubrics completeness and preference. It has no position bias."""

    name = "lexical"

    async def judge(self, rubric: PromptTemplate, values: Mapping[str, str]) -> Verdict:
        match rubric.version.name:
            case "completeness":
                share = _recall(values["answer"], values["passages"])
                label = "complete" if share >= _COMPLETE else "partly" if share >= _PARTLY else "incomplete"
                return Verdict(rubric=rubric.version, label=label, score=share)
            case "preference":
                difference = _recall(values["first"], values["passages"]) - _recall(
                    values["second"], values["passages"]
                )
                label = "tie" if abs(difference) < _MARGIN else "first" if difference > 0 else "second"
                return Verdict(rubric=rubric.version, label=label, score=rubric.verdicts[label])
            case other:
                raise InvalidInput(f"The lexical judge supports the rubrics completeness and preference, not {other}.")


def _recall(answer: str, passages: str) -> float:
    expected = _words(passages)
    return len(expected & _words(answer)) / len(expected) if expected else 0.0


def _words(text: str) -> set[str]:
    return set(_CONTENT_WORD.findall(text.lower()))
