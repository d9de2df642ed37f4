"""Builds the generator: the same HTTP client for every endpoint."""

import aiohttp

from rag.gate import Gate
from service.generation.base import Generator
from service.generation.endpoint import Endpoint
from service.generation.measured import MeasuredGenerator
from service.generation.openai import OpenAIGenerator
from service.generation.traced import TracedGenerator
from service.settings import AnsweringSettings


def build_generator(endpoint: Endpoint, answering: AnsweringSettings, session: aiohttp.ClientSession) -> Generator:
    gate = Gate("generator", running=endpoint.concurrency, waiting=answering.waiting)
    generator = OpenAIGenerator(
        session,
        url=endpoint.url,
        model=endpoint.model,
        headers=endpoint.headers,
        gate=gate,
        max_tokens=answering.max_tokens,
        temperature=answering.temperature,
    )
    # The span outside: what is measured inside finds it, and leads to it.
    return TracedGenerator(
        MeasuredGenerator(generator), endpoint, max_tokens=answering.max_tokens, temperature=answering.temperature
    )
