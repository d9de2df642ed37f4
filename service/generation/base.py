"""The port of the generator."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The messages that a model receives."""

    system: str
    user: str
    schema: Mapping[str, Any] | None = None
    """JSON schema for the answer. Servers that support structured output enforce it."""
    name: str = field(default="", compare=False)
    version: str = field(default="", compare=False)
    """Prompt name and version for traces. Empty if the prompt does not come from a template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens counted by the model server."""

    prompt_tokens: int
    completion_tokens: int


class Generator(Protocol):
    """A language model: `OpenAIGenerator`, wrapped by `MeasuredGenerator` and `TracedGenerator`."""

    model: str
    """Model name for answers and metrics."""

    def generate(self, prompt: Prompt) -> AsyncGenerator[str | Usage]:
        """Yield text as the model writes it, then the usage if the server reports it.

        Closing the iterator stops the generation at the server.
        Raises `Unavailable`, `Overloaded`, `TimedOut` or `BadResponse`, also after the first text.
        """
