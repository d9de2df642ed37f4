"""Compares two prompts over the same questions and passages: `python -m evals compare PROMPT_A PROMPT_B`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.answers.gold import QuestionSet, draw_sample
from evals.answers.measurement import conditions_of, run_over
from evals.answers.results import AnswerRun, means_of
from evals.collection import open_resources_over
from evals.tracking import params_of, track
from rag.errors import InvalidInput
from rag.http import open_session
from service.prompting.base import PromptVersion
from service.prompting.folder import PACKAGED, FolderPrompts
from service.prompting.mlflow import MlflowPrompts
from service.prompting.mlflow_client import MlflowClient
from service.settings import Settings

_PROMPT = re.compile(r"answer/([\w.-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRun:
    """The run of one prompt version."""

    prompt: PromptVersion
    run: AnswerRun


def are_prompts(*names: str) -> bool:
    """Return whether all names are prompts. `answer/v1` is one unless a file has that name."""
    return all(_PROMPT.fullmatch(name) and not Path(name).exists() for name in names)


async def compare_prompts(
    names: Sequence[str], questions: QuestionSet, settings: Settings, *, sample: int | None = None
) -> list[PromptRun]:
    """Answer every question with each prompt over one collection. Raise `InvalidInput` for an unknown prompt."""
    selected = draw_sample(questions.questions, sample)
    conditions = conditions_of(questions, settings)
    async with open_resources_over(questions.documents, settings) as resources:
        templates = [resources.prompts.named(_version_of(name)) for name in names]
        return [
            PromptRun(
                prompt=template.version,
                run=await run_over(
                    selected,
                    "generate",
                    resources,
                    name=str(template.version),
                    conditions=conditions,
                    prompt=template,
                ),
            )
            for template in templates
        ]


async def track_prompts(prompt_runs: Sequence[PromptRun], settings: Settings) -> None:
    """Record a run per prompt in MLflow, if MLflow is configured."""
    for prompt_run in prompt_runs:
        params = params_of(settings, prompt_run.prompt) | {**prompt_run.run.conditions}
        await track(settings, prompt_run.run.name, params=params, metrics=means_of(prompt_run.run))


async def register(name: str, settings: Settings) -> str:
    """Register a prompt of the prompt folder in MLflow and return its version there."""
    folder = FolderPrompts(settings.prompt.folder or PACKAGED)
    template = (await folder.load("answer")).get(_version_of(name))
    if template is None:
        raise InvalidInput(f"There is no prompt {name} in the prompt folder (RAG_PROMPT__FOLDER).")
    async with open_session(settings.http) as session:
        return await MlflowPrompts(MlflowClient(session, settings.mlflow)).register(template)


def _version_of(name: str) -> str:
    match = _PROMPT.fullmatch(name)
    if match is None:
        raise InvalidInput(f"{name} is not a prompt. Write it like answer/v1.")
    return match[1]
