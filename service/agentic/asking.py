"""Short calls of the model during an agentic answer: bounded, counted, and with answers as JSON."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rag.errors import BadResponse, Unavailable
from service.agentic.budget import BoundReached, Budget
from service.generation.base import EmptyText, Generator, Prompt, Reply, Sampling, Usage

# Three searches, or the numbers of a few passages, are far shorter.
_JSON_TOKENS = 200


class ModelFailed(Exception):
    """A call of the model failed or took too long."""


class Asking:
    """The calls for one answer."""

    def __init__(self, generator: Generator, budget: Budget) -> None:
        self._generator = generator
        self._budget = budget
        self._used: Usage | None = None

    async def ask_json(self, prompt: Prompt, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first JSON object that the model writes, an empty one if it writes none. Raises as `ask`."""
        sampling = Sampling(max_tokens=_JSON_TOKENS, temperature=0)
        text = await self.ask(replace(prompt, sampling=sampling, schema=schema))
        try:
            found, _ = json.JSONDecoder().raw_decode(text[max(0, text.find("{")) :])
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    async def ask(self, prompt: Prompt) -> str:
        """Return the text that the model writes. Raises `ModelFailed` or `BoundReached`."""
        self._budget.reserve(prompt)
        reply = Reply()
        try:
            async with asyncio.timeout(self._budget.seconds_for_a_call):
                await reply.read(self._generator, prompt)
        except TimeoutError as error:
            if self._budget.seconds_left <= 0:
                raise BoundReached("seconds") from error
            raise ModelFailed("The model did not answer in time.") from error
        except EmptyText:
            pass
        except (Unavailable, BadResponse) as error:
            raise ModelFailed(str(error)) from error
        finally:
            self._budget.spend(prompt, reply.text, reply.usage)
        self._used = self.usage_with(reply.usage)
        return reply.text

    def usage_with(self, written: Usage | None) -> Usage | None:
        """Return the tokens of these calls and of the writing. None if the server does not report them."""
        return self._used + written if self._used and written else self._used or written
