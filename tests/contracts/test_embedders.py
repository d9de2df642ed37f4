"""The embedder contract on ONNX Runtime, on torch, and on a server with OpenAI's API."""

import hashlib

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from pydantic import HttpUrl

from rag.embedding.factory import open_embedder
from rag.settings import EmbedderSettings, LocalEmbedderSettings, OpenAIEmbedderSettings
from tests.support.contracts.embedder import EmbedderContract
from tests.support.fakes.servers import serve

DIMENSION = 16


async def embed_by_hash(request: web.Request) -> web.Response:
    """Answer like an embedding server whose vectors depend on the text alone, in no particular order."""
    texts = (await request.json())["input"]
    data = [{"index": index, "embedding": hash_vector(text)} for index, text in enumerate(texts)]
    return web.json_response({"data": data[::-1]})


def hash_vector(text: str) -> list[float]:
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.default_rng(list(digest)).normal(size=DIMENSION).tolist()


class OpenedEmbedder(EmbedderContract):
    """A subclass provides the fixture `settings`."""

    @pytest.fixture
    async def embedder(self, settings: EmbedderSettings, onnx_models):
        async with aiohttp.ClientSession() as session, open_embedder(settings, session, models=onnx_models) as opened:
            yield opened


class TestOnnxEmbedder(OpenedEmbedder):
    @pytest.fixture
    def settings(self):
        return LocalEmbedderSettings(runtime="onnx")


@pytest.mark.slow
class TestTorchEmbedder(OpenedEmbedder):
    @pytest.fixture
    def settings(self):
        return LocalEmbedderSettings(runtime="torch")


class TestOpenAIEmbedder(OpenedEmbedder):
    @pytest.fixture
    async def settings(self):
        async with serve("/v1/embeddings", embed_by_hash) as url:
            yield OpenAIEmbedderSettings(
                kind="openai", url=HttpUrl(f"{url}/v1"), model="hash", dimension=DIMENSION, batch_size=4
            )
