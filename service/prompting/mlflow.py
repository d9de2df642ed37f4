"""A prompt registry in MLflow. Versions are MLflow's numbers; texts are chat prompts with two messages."""

import json
from collections.abc import Mapping
from typing import Any

import structlog

from rag.errors import Misconfigured, NotFound
from service.prompting.base import PromptTemplate
from service.prompting.files import VARIABLES, build_template
from service.prompting.mlflow_client import MlflowClient

log = structlog.get_logger()

_IS_PROMPT = "mlflow.prompt.is_prompt"
_TEXT = "mlflow.prompt.text"
_TYPE = "_mlflow_prompt_type"
_HASH = "groundwork.hash"
# Without this tag the registry returns models only, no prompts.
_OF_PROMPT = "name = '{name}' AND tags.`mlflow.prompt.is_prompt` = 'true'"
_ROLES = ("system", "user")


class MlflowPrompts:
    """Reads prompts from MLflow. Unusable versions are skipped with a warning."""

    def __init__(self, mlflow: MlflowClient) -> None:
        self._mlflow = mlflow

    async def load(self, name: str) -> Mapping[str, PromptTemplate]:
        versions: dict[str, PromptTemplate] = {}
        for entry in await self._entries(name):
            version = entry["version"]
            try:
                versions[version] = _build_template(name, version, entry)
            except Misconfigured as error:
                log.warning("prompt_unusable", name=name, version=version, reason=str(error))
        if not versions:
            raise Misconfigured(f"MLflow has no usable prompt {name!r}. Run `python -m evals register {name}/v1`.")
        return versions

    async def register(self, template: PromptTemplate) -> str:
        """Register a prompt, unless the same text exists, and return its version number."""
        name = template.version.name
        for entry in await self._entries(name):
            if _tags(entry).get(_HASH) == template.version.hash:
                return str(entry["version"])
        await self._ensure_prompt(name)
        texts = (template.system.template, template.user.template)
        messages = [{"role": role, "content": text} for role, text in zip(_ROLES, texts, strict=True)]
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


def _build_template(name: str, version: str, entry: Mapping[str, Any]) -> PromptTemplate:
    """Build the template of a registry entry. MLflow has no declared variables, so only used ones are checked."""
    try:
        messages = json.loads(_tags(entry).get(_TEXT, ""))
        system, user = ({message["role"]: message["content"] for message in messages}[role] for role in _ROLES)
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"Prompt {name}/{version}: MLflow must store a system and a user message.") from error
    purpose, known = entry.get("description", ""), VARIABLES[name]
    return build_template(name, version, purpose=purpose, system=system, user=user, declared=None, known=known)


def _tags(entry: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in entry.get("tags", [])}


def _to_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
