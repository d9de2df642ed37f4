"""Builds the judge by the settings; without a server of its own it asks the generator's."""

import aiohttp

from rag.errors import Misconfigured
from rag.gate import Gate
from service.generation.endpoint import Endpoint, bearer
from service.generation.openai import OpenAIGenerator
from service.generation.traced import TracedGenerator
from service.judging.model import ModelJudge
from service.settings import JudgeSettings

_MAX_TOKENS = 256
_TEMPERATURE = 0.0


def build_judge(settings: JudgeSettings, generator: Endpoint, session: aiohttp.ClientSession) -> ModelJudge:
    """Raises `Misconfigured` for a server without a model's name."""
    endpoint = _endpoint_of(settings, generator)
    model = OpenAIGenerator(
        session,
        url=endpoint.url,
        model=endpoint.model,
        headers=endpoint.headers,
        gate=Gate("judge", running=settings.concurrency, waiting=settings.concurrency),
        max_tokens=_MAX_TOKENS,
        temperature=_TEMPERATURE,
    )
    return ModelJudge(TracedGenerator(model, endpoint, max_tokens=_MAX_TOKENS, temperature=_TEMPERATURE))


def _endpoint_of(settings: JudgeSettings, generator: Endpoint) -> Endpoint:
    if settings.url is None:
        return generator
    if settings.model is None:
        raise Misconfigured("RAG_JUDGE__URL names a server; say its model too: RAG_JUDGE__MODEL.")
    return Endpoint(
        url=str(settings.url),
        model=settings.model,
        headers=bearer(settings.api_key),
        concurrency=settings.concurrency,
    )
