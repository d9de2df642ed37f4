"""The connections of the service to other servers."""

import asyncio

import pytest
from aiohttp import web
from pydantic import HttpUrl

from rag.http import open_session, post, read_json
from rag.settings import TimeoutSettings
from rag.upstream import Upstream
from service.answering.events import Inquiry, Token
from service.resources import open_resources
from service.settings import EndpointRerankerSettings, OpenAIGeneratorSettings, Settings
from tests.support.fakes.model_servers import DONE, STOP, texts
from tests.support.fakes.servers import serve
from tests.support.passages import PATIENT, QUESTION, SCOPE

SECONDS = 60
# More than the connections of an aiohttp session by default.
STREAMS = 101
UPSTREAM = Upstream("test server")


@pytest.mark.slow
async def test_streams_of_the_model_leave_the_connections_to_other_servers_free(filled):
    release = asyncio.Event()
    streams = 0

    async def write_slowly(request: web.Request) -> web.StreamResponse:
        nonlocal streams
        streams += 1
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(texts("It opened."))
        await release.wait()
        await response.write(STOP + DONE)
        return response

    async def rank(request: web.Request) -> web.Response:
        count = len((await request.json())["documents"])
        return web.json_response({"results": [{"index": n, "relevance_score": 1.0} for n in range(count)]})

    async with serve("/v1/chat/completions", write_slowly) as model, serve("/rerank", rank) as reranker:
        settings = Settings(
            data_dir=filled,
            generator=OpenAIGeneratorSettings(
                kind="openai", url=HttpUrl(f"{model}/v1"), model="told", concurrency=STREAMS
            ),
            reranker=EndpointRerankerSettings(kind="endpoint", url=HttpUrl(reranker), model="m", concurrency=1),
            http=PATIENT,
        )
        async with open_resources(settings) as resources:
            inquiry = Inquiry(scope=SCOPE, question=QUESTION, limit=3, mode="generate")
            answers = []
            async with asyncio.timeout(SECONDS):
                for _ in range(STREAMS):
                    # The next question needs the reranker while all earlier streams are open.
                    answers.append(events := resources.answerer.answer(inquiry))
                    [citation, *_] = (await anext(events)).citations
                    assert citation.hit.rerank_score == 1
                    assert await anext(events) == Token(text="It opened.")
            assert streams == STREAMS
            release.set()
            for answer in answers:
                assert [event async for event in answer][-1].text == "It opened."


async def test_a_pool_has_no_more_connections_than_its_limit():
    running = most = 0
    are_two = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            are_two.set()
        await asyncio.wait_for(are_two.wait(), 60)
        await asyncio.sleep(0.02)
        running -= 1
        return web.json_response({})

    async with serve("/x", handler) as url, open_session(TimeoutSettings(), connections=2) as session:

        async def call() -> None:
            async with post(session, UPSTREAM, f"{url}/x", {}, {}) as response:
                await read_json(UPSTREAM, response)

        await asyncio.gather(*(call() for _ in range(10)))
    assert most == 2


async def test_calls_ignore_the_proxies_of_the_environment(monkeypatch):
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"direct": True})

    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with (
        serve("/x", handler) as url,
        open_session(TimeoutSettings()) as session,
        post(session, UPSTREAM, f"{url}/x", {}, {}) as response,
    ):
        assert await read_json(UPSTREAM, response) == {"direct": True}
