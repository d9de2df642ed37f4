"""The port of the generator."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model reads."""

    system: str
    user: str
    schema: Mapping[str, Any] | None = None
    """JSON schema that the answer must follow, where the server can hold the model to it."""
    name: str = field(default="", compare=False)
    version: str = field(default="", compare=False)
    """Whence the text is, for whoever watches; empty where it is from no template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the model server counted them."""

    prompt_tokens: int
    completion_tokens: int


class Generator(Protocol):
    """A language model behind an HTTP server."""

    @property
    def model(self) -> str:
        """Its name, as answers and metrics report it."""
        ...

    def generate(self, prompt: Prompt) -> AsyncGenerator[str | Usage]:
        """Pieces of text as they are written, then the usage where the server tells it.

        Closing the iterator ends the generation upstream. Raises `Unavailable` or `BadResponse`, also mid-stream.
        """
        ...
