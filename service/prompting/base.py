"""What a prompt is before it is filled, and the port of where prompts are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from service.generation.base import Prompt
from service.prompting.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """Which text a model was given: travels with the answer into events, metrics, logs and traces."""

    name: str
    version: str
    hash: str
    """First 12 hex digits of the SHA-256 of what is sent, variables unfilled; the front matter does not count."""

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """One version of a prompt."""

    version: PromptVersion
    purpose: str
    system: Template
    user: Template
    verdicts: Mapping[str, float] = field(default_factory=dict)
    """Rubrics only: each verdict and its score."""

    def fill(self, **values: str) -> Prompt:
        """Values stand for themselves: nothing inside them is read as a variable or as a role.

        Values that this version does not ask for are left out.
        """
        return Prompt(
            system=self.system.substitute(values),
            user=self.user.substitute(values),
            name=self.version.name,
            version=self.version.version,
        )


class PromptRegistry(Protocol):
    """Where prompts are kept."""

    async def load(self, name: str) -> Mapping[str, PromptTemplate]:
        """Every version of a prompt, by version. Raises `Misconfigured` for one that cannot be used."""
        ...
