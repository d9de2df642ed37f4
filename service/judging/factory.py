"""Selection of the judge by the settings."""

import aiohttp

from rag.endpoints import key_header
from rag.errors import Misconfigured
from rag.gate import Gate
from rag.upstream import Upstream
from service.generation.absent import AbsentGenerator
from service.generation.openai import ModelEndpoint, OpenAIGenerator
from service.generation.traced import TracedGenerator
from service.judging.model import ModelJudge
from service.settings import JudgeSettings

_UPSTREAM = Upstream("judge's model server", "RAG_JUDGE__URL, RAG_JUDGE__MODEL and RAG_JUDGE__API_KEY")
# A verdict with its reason in JSON. A rambling model is cut off here and counts as unreadable.
_MAX_TOKENS = 256
# Judging the same answer twice must give the same verdict.
_TEMPERATURE = 0.0


def build_judge(
    settings: JudgeSettings, session: aiohttp.ClientSession, *, generator: ModelEndpoint | None = None
) -> ModelJudge:
    """Build the judge on its own server or on the generator's. Raises `Misconfigured` without a server or model."""
    endpoint = _select_endpoint(settings, generator)
    if endpoint is None:
        return ModelJudge(AbsentGenerator())
    model = OpenAIGenerator(
        session,
        endpoint,
        gate=Gate("judge", running=settings.concurrency, waiting=settings.concurrency),
        max_tokens=_MAX_TOKENS,
        temperature=_TEMPERATURE,
    )
    return ModelJudge(TracedGenerator(model, endpoint, max_tokens=_MAX_TOKENS, temperature=_TEMPERATURE))


def _select_endpoint(settings: JudgeSettings, generator: ModelEndpoint | None) -> ModelEndpoint | None:
    match settings:
        # Without a sample the service never calls the judge, so it may be absent.
        case JudgeSettings(url=None) if generator is not None or not settings.sample:
            return generator
        case JudgeSettings(url=None):
            raise Misconfigured("The judge has no model server. Set RAG_JUDGE__URL and RAG_JUDGE__MODEL.")
        case JudgeSettings(model=None):
            raise Misconfigured("RAG_JUDGE__URL is set without a model. Set RAG_JUDGE__MODEL.")
        case JudgeSettings(url=url, model=model):
            return ModelEndpoint(
                url=str(url),
                model=str(model),
                concurrency=settings.concurrency,
                upstream=_UPSTREAM,
                settings="RAG_JUDGE",
                headers=key_header(settings.api_key, url),
                extra=settings.extra,
            )
