"""Prompts in MLflow's registry: versions are its numbers, texts are chat prompts with a system and a user message."""

import json
from collections.abc import Mapping
from typing import Any

import structlog

from rag.errors import Misconfigured, NotFound
from service.prompting.base import PromptTemplate
from service.prompting.files import VARIABLES, build_template
from service.prompting.mlflow_client import Mlflow

log = structlog.get_logger()

_IS_PROMPT = "mlflow.prompt.is_prompt"
_TEXT = "mlflow.prompt.text"
_TYPE = "_mlflow_prompt_type"
_HASH = "groundwork.hash"
# The registry's filter leaves prompts out unless it asks for them.
_OF_PROMPT = "name = '{name}' AND tags.`mlflow.prompt.is_prompt` = 'true'"
_ROLES = ("system", "user")


class MlflowPrompts:
    """Read once, at the start; a version that cannot be used is left out and said."""

    def __init__(self, mlflow: Mlflow) -> None:
        self._mlflow = mlflow

    async def load(self, name: str) -> Mapping[str, PromptTemplate]:
        found: dict[str, PromptTemplate] = {}
        for entry in await self._entries(name):
            version = entry["version"]
            try:
                found[version] = _to_template(name, version, entry)
            except Misconfigured as error:
                log.warning("prompt_unusable", name=name, version=version, reason=str(error))
        if not found:
            raise Misconfigured(
                f"MLflow has no prompt {name!r} that can be used. `python -m evals register {name}/v1` puts one there."
            )
        return found

    async def register(self, template: PromptTemplate) -> str:
        """MLflow's number for this text: the one that it has already, or a new one."""
        name = template.version.name
        for entry in await self._entries(name):
            if _tags(entry).get(_HASH) == template.version.hash:
                return str(entry["version"])
        await self._ensure_prompt(name)
        messages = [
            {"role": "system", "content": template.system.template},
            {"role": "user", "content": template.user.template},
        ]
        tags = {_IS_PROMPT: "true", _TYPE: "chat", _TEXT: json.dumps(messages), _HASH: template.version.hash}
        body = {"name": name, "source": "prompt-template", "description": template.purpose, "tags": _to_tags(tags)}
        created = await self._mlflow.post("model-versions/create", body)
        return str(created["model_version"]["version"])

    async def _entries(self, name: str) -> list[Mapping[str, Any]]:
        entries: list[Mapping[str, Any]] = []
        query = {"filter": _OF_PROMPT.format(name=name)}
        while True:
            page = await self._mlflow.get("model-versions/search", **query)
            entries += page.get("model_versions", [])
            if not page.get("next_page_token"):
                return entries
            query["page_token"] = page["next_page_token"]

    async def _ensure_prompt(self, name: str) -> None:
        try:
            await self._mlflow.get("registered-models/get", name=name)
        except NotFound:
            body = {"name": name, "tags": _to_tags({_IS_PROMPT: "true"})}
            await self._mlflow.post("registered-models/create", body)


def _to_template(name: str, version: str, entry: Mapping[str, Any]) -> PromptTemplate:
    """Variables are not declared there, so that only what is used can be wrong."""
    try:
        messages = json.loads(_tags(entry).get(_TEXT, ""))
        system, user = ({message["role"]: message["content"] for message in messages}[role] for role in _ROLES)
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"Prompt {name}/{version}: it must have a system and a user message.") from error
    return build_template(
        name,
        version,
        purpose=entry.get("description", ""),
        system=system,
        user=user,
        declared=None,
        known=VARIABLES[name],
    )


def _tags(entry: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in entry.get("tags", [])}


def _to_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
