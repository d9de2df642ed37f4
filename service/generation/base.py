"""The port of the generator."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from rag.errors import BadResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What one request asks of the model, within the limits of the settings."""

    max_tokens: int | None = None
    """Longest text. None, or a higher value than RAG_ANSWERING__MAX_TOKENS: the setting."""
    temperature: float | None = None
    """None: RAG_ANSWERING__TEMPERATURE."""
    stop: tuple[str, ...] = ()
    """Strings that end the text. It does not contain them."""


CONFIGURED = Sampling()
"""The settings as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The messages that a model receives."""

    system: str
    user: str
    sampling: Sampling = CONFIGURED
    schema: Mapping[str, Any] | None = None
    """JSON schema for the answer. Servers that support structured output enforce it."""
    name: str = field(default="", compare=False)
    version: str = field(default="", compare=False)
    """Prompt name and version for traces. Empty if the prompt does not come from a template."""


@dataclass(frozen=True, slots=True)
class Retraction:
    """A report that all text so far was the model's reasoning and does not belong to the answer."""


FinishReason = Literal["stop", "length", "content_filter"]
"""Why a model stopped writing.

stop             it had finished
length           it reached the limit of tokens, so the text is cut off
content_filter   a filter of the model server removed text
"""


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of the text."""

    reason: FinishReason | None
    """None if the server gave no reason, or one of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens counted by the model server."""

    prompt_tokens: int
    completion_tokens: int

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


Output = str | Retraction | Finish | Usage
"""A part of the text, or a report about it."""


class EmptyText(BadResponse):
    """The model finished without any visible text."""


class Generator(Protocol):
    """A language model: `OpenAIGenerator`, wrapped by `MeasuredGenerator` and `TracedGenerator`."""

    model: str
    """Model name for answers and metrics."""

    def generate(self, prompt: Prompt) -> AsyncGenerator[Output]:
        """Yield text as the model writes it, then `Finish`, then the usage if the server reports it.

        The text has no reasoning and starts with a visible character. Closing the iterator stops the generation at
        the server. Raises `Unavailable`, `Overloaded`, `TimedOut` or `BadResponse`, also after the first text.
        """


@dataclass(slots=True)
class Reply:
    """A text that is needed as a whole. What arrived before an error stays in it."""

    text: str = ""
    usage: Usage | None = None

    async def read(self, generator: Generator, prompt: Prompt) -> None:
        """Raises the errors of `Generator.generate`."""
        async with aclosing(generator.generate(prompt)) as pieces:
            async for piece in pieces:
                match piece:
                    case str():
                        self.text += piece
                    case Retraction():
                        self.text = ""
                    case Usage():
                        self.usage = piece
