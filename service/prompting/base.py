"""Prompt templates, and the port of the registry that stores them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from service.generation.base import Prompt
from service.prompting.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """The identity of a prompt's text. It appears in answers, metrics, logs and traces."""

    name: str
    version: str
    hash: str
    """First 12 hex digits of the SHA-256 of the template text, without the front matter."""

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """A version of a prompt, with variables."""

    version: PromptVersion
    purpose: str
    system: Template
    user: Template
    verdicts: Mapping[str, float] = field(default_factory=dict)
    """Only for rubrics: the score of each verdict."""

    def fill(self, **values: str) -> Prompt:
        """Return the prompt with these values. Values that the template does not use are ignored.

        Variables and roles inside a value are not interpreted, so a document cannot inject them.
        """
        return Prompt(
            system=self.system.substitute(values),
            user=self.user.substitute(values),
            name=self.version.name,
            version=self.version.version,
        )


class PromptRegistry(Protocol):
    """Storage of prompts. Implemented by `FolderPrompts` and `MlflowPrompts`."""

    async def load(self, name: str) -> Mapping[str, PromptTemplate]:
        """Return all versions of a prompt, by version. Raises `Misconfigured` if the prompt cannot be used."""
