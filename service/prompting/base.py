"""Prompt templates, and the port of the registry that stores them."""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from service.generation.base import Prompt


class Template(string.Template):
    """A template with `{{variables}}`, as in MLflow. It is filled in one pass, so values are never interpreted."""

    pattern = r"""
        \{\{\s*(?:(?P<named>[a-z][a-z_]*)\s*\}\} | (?P<invalid>))
        | (?P<escaped>(?!)) | (?P<braced>(?!))
    """  # type: ignore[assignment]  # A string here becomes a compiled pattern, as the library's documentation says.


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
        system, user = self.system.substitute(values), self.user.substitute(values)
        return Prompt(system=system, user=user, name=self.version.name, version=self.version.version)


class PromptRegistry(Protocol):
    """Storage of prompts. Implemented by `FolderPrompts` and `MlflowPrompts`."""

    async def load(self, name: str) -> Mapping[str, PromptTemplate]:
        """Return all versions of a prompt, by version. Raises `Misconfigured` if the prompt cannot be used."""
