"""A generator whose replies a test writes, by the name of the prompt."""

import asyncio
from collections.abc import Mapping, Sequence

from service.generation.base import Finish, Prompt, Usage

Reply = str | Exception | None
"""A text, an error, or None for a model that never answers."""


class ScriptedGenerator:
    """Gives the replies of each prompt in turn, and the last one for ever. It remembers the prompts."""

    model = "scripted"

    def __init__(self, replies: Mapping[str, Sequence[Reply]], *, usage: Usage | None = None) -> None:
        self._replies = {name: list(some) for name, some in replies.items()}
        self._usage = usage
        self.prompts: list[Prompt] = []

    @property
    def calls(self) -> list[str]:
        """The names of the prompts, in order."""
        return [prompt.name for prompt in self.prompts]

    async def generate(self, prompt: Prompt):
        self.prompts.append(prompt)
        replies = self._replies[prompt.name]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        if reply is None:
            await asyncio.Event().wait()
            return
        yield reply
        yield Finish("stop")
        if self._usage:
            yield self._usage
