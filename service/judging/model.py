"""A language model as judge: it must answer in the rubric's form, and what is not exactly that is no verdict."""

import json
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import stamina

from rag.retries import is_retryable
from service.generation.base import Generator
from service.judging.base import Unreadable, Verdict
from service.prompting.base import PromptTemplate

_ATTEMPTS = 4
_PATIENCE_SECONDS = 60.0


class ModelJudge:
    """Asks at temperature 0; what may pass is tried again."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._caller = stamina.AsyncRetryingCaller(attempts=_ATTEMPTS, timeout=_PATIENCE_SECONDS, wait_initial=0.2)

    @property
    def name(self) -> str:
        return self._generator.model

    async def judge(self, rubric: PromptTemplate, values: Mapping[str, str]) -> Verdict:
        return read_verdict(await self._caller(is_retryable, self._ask, rubric, values), rubric)

    async def _ask(self, rubric: PromptTemplate, values: Mapping[str, str]) -> str:
        prompt = replace(rubric.fill(**values), schema=_schema_of(rubric))
        async with aclosing(self._generator.generate(prompt)) as pieces:
            return "".join([piece async for piece in pieces if isinstance(piece, str)])


def read_verdict(text: str, rubric: PromptTemplate) -> Verdict:
    """`{"reason": "…", "verdict": "…"}` with one of the rubric's labels and nothing around it; else `Unreadable`."""
    try:
        said = json.loads(text)
    except ValueError as error:
        raise Unreadable("The judge's answer is not JSON.") from error
    match said:
        case {"reason": str(), "verdict": str(label), **rest} if not rest and label in rubric.verdicts:
            return Verdict(rubric=rubric.version, label=label, score=rubric.verdicts[label])
        case _:
            raise Unreadable("The judge's answer is no verdict of this rubric.")


def _schema_of(rubric: PromptTemplate) -> Mapping[str, Any]:
    # The reason comes first: a verdict that follows it is the better one (Zheng et al., 2023).
    properties = {"reason": {"type": "string"}, "verdict": {"type": "string", "enum": list(rubric.verdicts)}}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
