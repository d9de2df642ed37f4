"""The embedder of a server: order, norm, and invalid responses."""

import json
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from pydantic import HttpUrl

from rag.embedding.openai import OpenAIEmbedder
from rag.errors import BadResponse, Unavailable
from rag.settings import OpenAIEmbedderSettings
from tests.support.fakes.servers import answering, serve


@asynccontextmanager
async def embedder_at(url: str):
    settings = OpenAIEmbedderSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model="m", dimension=2, batch_size=3)
    async with aiohttp.ClientSession() as session:
        yield OpenAIEmbedder(session, settings)


async def test_vectors_are_returned_in_the_order_of_the_texts_with_norm_1():
    async def handler(request: web.Request) -> web.Response:
        texts = (await request.json())["input"]
        data = [{"index": i, "embedding": [1, ord(text)]} for i, text in enumerate(texts)]
        return web.json_response({"data": data[::-1]})

    async with serve("/v1/embeddings", handler) as url, embedder_at(url) as embedder:
        vectors = await embedder.embed_passages(list("abcdefg"))
    assert [round(float(vector[1] / vector[0])) for vector in vectors] == [ord(letter) for letter in "abcdefg"]
    assert np.allclose([np.linalg.norm(vector) for vector in vectors], 1)


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "{}",
        json.dumps({"data": [{"index": 0, "embedding": [1, 2, 3]}]}),
        json.dumps({"data": []}),
        json.dumps({"data": [{"index": 0, "embedding": ["x", "y"]}]}),
        json.dumps({"data": [{"index": 0, "embedding": [float("nan"), 1]}]}),
    ],
)
async def test_a_response_without_valid_vectors_is_a_bad_response(body):
    async with serve("/v1/embeddings", answering(200, body)) as url, embedder_at(url) as embedder:
        with pytest.raises(BadResponse):
            await embedder.embed_query("hello")


async def test_an_unreachable_server_is_unavailable():
    async with embedder_at("http://127.0.0.1:9") as embedder:
        with pytest.raises(Unavailable):
            await embedder.embed_query("hello")
