"""Where a model is asked: an OpenAI-compatible server of somebody else, or the embedded one."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from service.settings import EmbeddedGeneratorSettings, GeneratorSettings, OpenAIGeneratorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model at a server."""

    url: str
    model: str
    concurrency: int
    provider: str = "openai"
    """As the conventions of traces name whatever speaks that API."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@asynccontextmanager
async def open_endpoint(settings: GeneratorSettings) -> AsyncIterator[Endpoint]:
    """The embedded server runs for as long as the block does."""
    match settings:
        case EmbeddedGeneratorSettings():
            from service.generation.embedded import open_llama_server  # noqa: PLC0415 - 60 MB only this form needs

            async with open_llama_server(settings) as url:
                # llama.cpp drops connections that it promised to keep alive.
                headers = {"Connection": "close"}
                model = Path(settings.model).stem
                yield Endpoint(url=url, model=model, provider="llama.cpp", headers=headers, concurrency=settings.slots)
        case OpenAIGeneratorSettings():
            yield Endpoint(
                url=str(settings.url),
                model=settings.model,
                headers=bearer(settings.api_key),
                concurrency=settings.concurrency,
            )


def bearer(key: SecretStr | None) -> Mapping[str, str]:
    """The header that carries a key; none without one."""
    return {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
