"""The reranker contract on both runtimes of a local cross-encoder and on both formats of a server."""

import aiohttp
import pytest
from aiohttp import web
from pydantic import HttpUrl

from service.retrieval.reranking.factory import open_scorer
from service.settings import EndpointRerankerSettings, LocalRerankerSettings
from tests.support.contracts.reranker import RerankerContract
from tests.support.fakes.servers import serve


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory):
    from tests.support.fakes.cross_encoder import make_cross_encoder  # noqa: PLC0415 - it imports torch

    return make_cross_encoder(tmp_path_factory.mktemp("reranker"))


async def score_by_length(request: web.Request) -> web.Response:
    """Respond in the format of the request: TEI sends `texts`, Cohere `documents`."""
    body = await request.json()
    passages = body.get("documents") or body["texts"]
    name = "relevance_score" if "documents" in body else "score"
    results = [{"index": index, name: float(len(passage))} for index, passage in enumerate(passages)]
    # Servers return the best passage first.
    results.sort(key=lambda result: -result[name])
    return web.json_response({"results": results} if "documents" in body else results)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnx", "torch"])
class TestLocalReranker(RerankerContract):
    @pytest.fixture
    async def reranker(self, cross_encoder, runtime):
        settings = LocalRerankerSettings(kind="local", model=str(cross_encoder), runtime=runtime)
        async with aiohttp.ClientSession() as session, open_scorer(settings, session) as reranker:
            yield reranker


@pytest.mark.parametrize("shape", ["cohere", "tei"])
class TestEndpointReranker(RerankerContract):
    @pytest.fixture
    async def reranker(self, shape):
        async with serve("/rerank", score_by_length) as url, aiohttp.ClientSession() as session:
            settings = EndpointRerankerSettings(kind="endpoint", url=HttpUrl(url), model="fake", shape=shape)
            async with open_scorer(settings, session) as reranker:
                yield reranker
