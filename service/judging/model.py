"""A judge on a language model. Responses in any form but the rubric's are rejected."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import stamina

from rag.retries import is_retryable
from service.generation.base import Generator, Reply
from service.judging.base import UnreadableVerdict, Verdict
from service.prompting.base import PromptTemplate

_ATTEMPTS = 4
_TIMEOUT_SECONDS = 60.0


class ModelJudge:
    """Asks a model for a verdict, and retries temporary errors."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.name = generator.model
        self._caller = stamina.AsyncRetryingCaller(attempts=_ATTEMPTS, timeout=_TIMEOUT_SECONDS, wait_initial=0.2)

    async def judge(self, rubric: PromptTemplate, values: Mapping[str, str]) -> Verdict:
        return read_verdict(await self._caller(is_retryable, self._ask, rubric, values), rubric)

    async def _ask(self, rubric: PromptTemplate, values: Mapping[str, str]) -> str:
        reply = Reply()
        await reply.read(self._generator, replace(rubric.fill(**values), schema=_schema_of(rubric)))
        return reply.text


def read_verdict(text: str, rubric: PromptTemplate) -> Verdict:
    """Return the verdict in `{"reason": "…", "verdict": "…"}`. Raises `UnreadableVerdict` for anything else."""
    try:
        response = json.loads(text)
    except ValueError as error:
        raise UnreadableVerdict("The judge's response is not JSON.") from error
    match response:
        case {"reason": str(), "verdict": str(label), **rest} if not rest and label in rubric.verdicts:
            return Verdict(rubric=rubric.version, label=label, score=rubric.verdicts[label])
        case _:
            raise UnreadableVerdict("The judge's response is not exactly a reason and a verdict of this rubric.")


def _schema_of(rubric: PromptTemplate) -> Mapping[str, Any]:
    # The reason comes first: models judge better if they explain before they decide (Zheng et al., 2023).
    properties = {"reason": {"type": "string"}, "verdict": {"type": "string", "enum": list(rubric.verdicts)}}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
