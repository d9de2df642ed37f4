"""The bounds of one agentic answer: steps, tokens and seconds before the writing begins."""

import time
from typing import Literal

from service.generation.base import Prompt, Usage
from service.retrieval.expansion import CHARACTERS_PER_TOKEN
from service.settings import AgentSettings

Bound = Literal["steps", "tokens", "seconds"]

# A planning or grading call is short. One that hangs must leave time for the others.
_SHARE_OF_ONE_CALL = 1 / 3


class BoundReached(Exception):
    """The next step would exceed a bound."""

    def __init__(self, bound: Bound) -> None:
        super().__init__(bound)
        self.bound: Bound = bound


class Budget:
    """Counts steps, tokens and seconds of one answer. The writing itself has its own limits."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._until = time.monotonic() + settings.seconds
        self._steps = 0
        self._tokens = 0

    def take_step(self) -> None:
        """Count a step. Raises `BoundReached` if it must not begin."""
        if self._steps >= self._settings.steps:
            raise BoundReached("steps")
        if self.seconds_left <= 0:
            raise BoundReached("seconds")
        self._steps += 1

    @property
    def seconds_left(self) -> float:
        return self._until - time.monotonic()

    @property
    def seconds_for_a_call(self) -> float:
        return max(0.0, min(self.seconds_left, self._settings.seconds * _SHARE_OF_ONE_CALL))

    @property
    def has_room(self) -> bool:
        """True if tokens and seconds are left."""
        return self.seconds_left > 0 and self._tokens < self._settings.tokens

    def reserve(self, prompt: Prompt) -> None:
        """Raise `BoundReached` if no time is left, or if the call could exceed the tokens."""
        if self.seconds_left <= 0:
            raise BoundReached("seconds")
        if self._tokens + _estimate(prompt.system, prompt.user) + (prompt.sampling.max_tokens or 0) > (
            self._settings.tokens
        ):
            raise BoundReached("tokens")

    def spend(self, prompt: Prompt, text: str, usage: Usage | None) -> None:
        """Count the tokens of a call: those that the server reports, otherwise an estimate."""
        if usage:
            self._tokens += usage.prompt_tokens + usage.completion_tokens
        else:
            self._tokens += _estimate(prompt.system, prompt.user, text)


def _estimate(*texts: str) -> int:
    return sum(map(len, texts)) // CHARACTERS_PER_TOKEN
