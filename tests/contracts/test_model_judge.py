"""The judge contract on a language model behind an OpenAI-compatible server."""

import aiohttp
import pytest
from aiohttp import web
from pydantic import HttpUrl

from service.judging.factory import build_judge
from service.settings import JudgeSettings
from tests.support.contracts.judge import JudgeContract
from tests.support.fakes.servers import ModelServer, serve, verdict


async def respond(request: web.Request) -> web.StreamResponse:
    """Choose the first label that the request's schema allows."""
    schema = (await request.json())["response_format"]["json_schema"]["schema"]
    return await ModelServer([verdict(schema["properties"]["verdict"]["enum"][0])])(request)


class TestModelJudge(JudgeContract):
    @pytest.fixture
    async def judge(self):
        async with serve("/v1/chat/completions", respond) as url, aiohttp.ClientSession() as session:
            yield build_judge(JudgeSettings(url=HttpUrl(f"{url}/v1"), model="fake"), session)
