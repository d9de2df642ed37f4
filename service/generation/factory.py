"""Selection of the generator by the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp

from rag.endpoints import key_header
from rag.gate import Gate
from service.generation.absent import AbsentGenerator
from service.generation.base import Generator
from service.generation.measured import MeasuredGenerator
from service.generation.openai import ModelEndpoint, OpenAIGenerator
from service.generation.reasoning import is_opened_by_prompt
from service.generation.traced import TracedGenerator
from service.settings import (
    PACKAGED_MODEL,
    AnsweringSettings,
    EmbeddedGeneratorSettings,
    GeneratorSettings,
    NoGeneratorSettings,
    OpenAIGeneratorSettings,
)

# The packaged model repeats itself until it is stopped, and drifts off after a few sentences (ADR 65).
_PACKAGED_OPTIONS = {
    "repeat_penalty": 1.15,
    "repeat_last_n": 256,
    "stop": ["\nQuestion:", "\nPassage", "\n[1]", "\n\n\n"],
}
_PACKAGED_TOKENS = 128


@asynccontextmanager
async def open_endpoint(settings: GeneratorSettings) -> AsyncIterator[ModelEndpoint | None]:
    """Open the server of the generator, None if there is no generator. The embedded server runs until the block ends.

    Both alternatives speak OpenAI's API, so one adapter serves them.
    """
    match settings:
        case EmbeddedGeneratorSettings():
            from service.generation.embedded import open_llama_server  # noqa: PLC0415 - 60 MB only this form needs

            async with open_llama_server(settings) as url:
                yield ModelEndpoint(
                    url=url,
                    model=Path(settings.model).stem,
                    concurrency=settings.slots,
                    provider="llama.cpp",
                    # llama.cpp closes connections that it announced as keep-alive.
                    headers={"Connection": "close"},
                )
        case OpenAIGeneratorSettings():
            yield ModelEndpoint(
                url=str(settings.url),
                model=settings.model,
                concurrency=settings.concurrency,
                headers=key_header(settings.api_key, settings.url),
                extra=settings.extra,
                expects_reasoning=settings.opens_reasoning is None and is_opened_by_prompt(settings.model),
                quirks={"unopened_reasoning"} if settings.opens_reasoning else set(),
            )
        case NoGeneratorSettings():
            yield None


def build_generator(
    endpoint: ModelEndpoint | None, answering: AnsweringSettings, session: aiohttp.ClientSession
) -> Generator:
    """Build the generator that writes answers, with metrics and traces."""
    if endpoint is None:
        return AbsentGenerator()
    max_tokens = answering.max_tokens
    if endpoint.model == PACKAGED_MODEL:
        # The judge shares the endpoint, but its verdicts need neither.
        endpoint = replace(endpoint, extra={**_PACKAGED_OPTIONS, **endpoint.extra})
        max_tokens = min(max_tokens, _PACKAGED_TOKENS)
    generator = OpenAIGenerator(
        session,
        endpoint,
        gate=Gate("generator", running=endpoint.concurrency, waiting=answering.waiting),
        max_tokens=max_tokens,
        temperature=answering.temperature,
    )
    # The span must be the outer wrapper: the metrics inside attach its trace id as their exemplar.
    return TracedGenerator(
        MeasuredGenerator(generator), endpoint, max_tokens=max_tokens, temperature=answering.temperature
    )
