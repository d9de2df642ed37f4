"""The generator contract on an OpenAI-compatible server."""

import pytest
from aiohttp import web
from pydantic import HttpUrl

from service.settings import OpenAIGeneratorSettings
from tests.support.contracts.generator import GeneratorContract
from tests.support.fakes.servers import ModelServer, serve


async def respond(request: web.Request) -> web.StreamResponse:
    """Follow the schema of the request, as a server with structured output does."""
    if "response_format" in await request.json():
        return await ModelServer(['{"colour": ', '"green"}'])(request)
    return await ModelServer(["one ", "two ", "three"])(request)


class TestOpenAIGenerator(GeneratorContract):
    @pytest.fixture
    async def generator_settings(self):
        async with serve("/v1/chat/completions", respond) as url:
            yield OpenAIGeneratorSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model="fake", concurrency=1)
