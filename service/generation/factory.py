"""Picks the generator by the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp

from rag.gate import Gate
from service.generation.base import Generator
from service.generation.measured import MeasuredGenerator
from service.generation.openai import OpenAIGenerator
from service.settings import AnsweringSettings, EmbeddedGeneratorSettings, GeneratorSettings, OpenAIGeneratorSettings


@asynccontextmanager
async def open_generator(
    settings: GeneratorSettings, answering: AnsweringSettings, session: aiohttp.ClientSession
) -> AsyncIterator[Generator]:
    """Both forms are the same HTTP client; the embedded one opens its server first."""
    build = partial(OpenAIGenerator, session, max_tokens=answering.max_tokens, temperature=answering.temperature)
    match settings:
        case EmbeddedGeneratorSettings():
            from service.generation.embedded import open_llama_server  # noqa: PLC0415 - 60 MB only this form needs

            gate = Gate("generator", running=settings.slots, waiting=answering.waiting)
            # llama.cpp drops connections that it promised to keep alive.
            headers = {"Connection": "close"}
            async with open_llama_server(settings) as url:
                model = Path(settings.model).stem
                yield MeasuredGenerator(build(url=url, model=model, headers=headers, gate=gate))
        case OpenAIGeneratorSettings():
            gate = Gate("generator", running=settings.concurrency, waiting=answering.waiting)
            key = settings.api_key
            headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
            yield MeasuredGenerator(build(url=str(settings.url), model=settings.model, headers=headers, gate=gate))
