"""Two prompts over the same questions and passages: what `python -m evals compare PROMPT_A PROMPT_B` measures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.answers.gold import QuestionSet
from evals.answers.measurement import choose, conditions_of, run_over
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
    """The answers that one version of the prompt gave."""

    prompt: PromptVersion
    run: AnswerRun


def are_prompts(*names: str) -> bool:
    """`answer/v1` is a prompt, unless there is a file of that name."""
    return all(_PROMPT.fullmatch(name) and not Path(name).exists() for name in names)


async def compare_prompts(
    names: Sequence[str], questions: QuestionSet, settings: Settings, *, sample: int | None = None
) -> list[PromptRun]:
    """The model answers every question with each prompt, over one collection.

    Raises `InvalidInput` for a prompt that is not there.
    """
    chosen = choose(questions.questions, sample)
    conditions = conditions_of(questions, settings)
    async with open_resources_over(questions.documents, settings) as resources:
        templates = [resources.prompts.named(_version_of(name)) for name in names]
        return [
            PromptRun(
                prompt=template.version,
                run=await run_over(
                    chosen,
                    "generate",
                    resources,
                    name=str(template.version),
                    conditions=conditions,
                    prompt=template,
                ),
            )
            for template in templates
        ]


async def track_prompts(found: Sequence[PromptRun], settings: Settings) -> None:
    """A run in MLflow for each prompt, where there is an MLflow."""
    for prompt_run in found:
        params = params_of(settings, prompt_run.prompt) | {**prompt_run.run.conditions}
        await track(settings, prompt_run.run.name, params=params, metrics=means_of(prompt_run.run))


async def register(name: str, settings: Settings) -> str:
    """Puts a prompt of the folder into MLflow's registry; the number that it has there."""
    folder = FolderPrompts(settings.prompt.folder or PACKAGED)
    template = (await folder.load("answer")).get(_version_of(name))
    if template is None:
        raise InvalidInput(f"There is no prompt {name}.")
    async with open_session(settings.http) as session:
        return await MlflowPrompts(MlflowClient(session, settings.mlflow)).register(template)


def _version_of(name: str) -> str:
    found = _PROMPT.fullmatch(name)
    if found is None:
        raise InvalidInput(f"{name} is no prompt; one is written like answer/v1.")
    return found[1]
