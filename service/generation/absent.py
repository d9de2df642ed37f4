"""The generator of a service without a language model."""

from collections.abc import AsyncGenerator

from rag.errors import InvalidInput
from service.generation.base import Output, Prompt


class AbsentGenerator:
    """Refuses each call, because no language model is configured."""

    model = "none"

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Output]:  # noqa: ARG002 - as the port says
        raise InvalidInput(
            "This service has no language model, so only the mode quote works. "
            "Its operator can set RAG_GENERATOR__KIND=openai with a URL and a model."
        )
        yield ""  # A generator function needs a yield, or the call would not return an iterator.
