"""The embedder of a server: order, norm, sizes of batches, and servers that differ or fail."""

import asyncio
import base64
import json
import struct
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from pydantic import HttpUrl

from rag.embedding.openai import OpenAIEmbedder
from rag.errors import AccessRefused, BadResponse, Overloaded, TimedOut, Unavailable
from rag.settings import OpenAIEmbedderSettings
from tests.support.fakes.servers import answering, serve

TEXTS = list("abcdefg")


@asynccontextmanager
async def embedder_at(url: str, *, batch_size: int = 3, read: float = 60):
    settings = OpenAIEmbedderSettings(
        kind="openai", url=HttpUrl(f"{url}/v1"), model="m", dimension=2, batch_size=batch_size, concurrency=2
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_read=read)) as session:
        yield OpenAIEmbedder(session, settings)


@asynccontextmanager
async def embedder_on(handler, **options):
    async with serve("/v1/embeddings", handler) as url, embedder_at(url, **options) as embedder:
        yield embedder


class EmbeddingServer:
    """Sends the vector (1, code of the letter) for a letter, after `change` has changed the list of items."""

    def __init__(self, change=lambda items: items, *, largest: int = 1000, status: int = 413) -> None:
        self.change = change
        self.largest = largest
        self.status = status
        self.sizes: list[int] = []
        self.requests: list[dict] = []

    async def __call__(self, request: web.Request) -> web.Response:
        self.requests.append(body := await request.json())
        texts = body["input"]
        self.sizes.append(len(texts))
        if len(texts) > self.largest:
            error = {"error": {"message": f"batch size {len(texts)} > maximum allowed batch size {self.largest}"}}
            return web.json_response(error, status=self.status)
        items = [{"index": index, "embedding": [1.0, float(ord(text))]} for index, text in enumerate(texts)]
        return web.json_response({"data": self.change(items)})


def letters_of(vectors) -> list[str]:
    assert np.allclose([np.linalg.norm(vector) for vector in vectors], 1)
    return [chr(round(float(vector[1] / vector[0]))) for vector in vectors]


def without_index(items):
    return [{"embedding": item["embedding"]} for item in items]


def with_index(number):
    return lambda items: [item | {"index": number} for item in items]


def in_base64(items):
    return [item | {"embedding": base64.b64encode(struct.pack("<2f", *item["embedding"])).decode()} for item in items]


@pytest.mark.parametrize(
    "change",
    [
        lambda items: items,
        lambda items: items[::-1],
        without_index,
        with_index(0),
        with_index(None),
        in_base64,
        lambda items: [item | {"index": str(item["index"])} for item in items][::-1],
    ],
    ids=["in order", "in reverse", "no index", "index 0", "null index", "base64", "index as text"],
)
async def test_vectors_are_returned_in_the_order_of_the_texts_with_norm_1(change):
    async with embedder_on(EmbeddingServer(change)) as embedder:
        assert letters_of(await embedder.embed_passages(TEXTS)) == TEXTS


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e300])
async def test_vectors_of_any_length_keep_their_direction(size):
    def scaled(items):
        return [item | {"embedding": [number * size for number in item["embedding"]]} for item in items]

    async with embedder_on(EmbeddingServer(scaled)) as embedder:
        assert letters_of(await embedder.embed_passages(TEXTS)) == TEXTS


def replaced(embedding):
    return lambda items: [item | {"embedding": embedding} for item in items]


@pytest.mark.parametrize(
    "change",
    [
        lambda items: items[:-1],
        lambda items: [*items, items[0]],
        lambda _: [],
        lambda _: None,
        lambda items: [items[0], *items[:-1]],
        lambda items: [item | {"index": None if item["index"] else 0} for item in items],
        lambda items: [{"index": item["index"]} for item in items],
        lambda items: [in_base64(items)[0] | {"embedding": in_base64(items)[0]["embedding"][:4]}],
        replaced([1, 2, 3]),
        replaced([1]),
        replaced(["x", "y"]),
        replaced([None, 1]),
        replaced(None),
        replaced(5),
        replaced("no base64!"),
        replaced([0.0, 0.0]),
        replaced([float("nan"), 1]),
        replaced([float("inf"), 1]),
        replaced([10**400, 1]),
        lambda items: [item | {"index": item["index"] * float("inf")} for item in items],
    ],
)
async def test_a_response_without_one_valid_vector_per_text_is_a_bad_response(change):
    async with embedder_on(EmbeddingServer(change)) as embedder:
        with pytest.raises(BadResponse):
            await embedder.embed_passages(["a", "b", "c"])


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, "not json", BadResponse),
        (200, "{}", BadResponse),
        (200, "[" * 100_000, BadResponse),
        (200, json.dumps({"error": {"message": "no memory", "code": 503}}), Unavailable),
        (401, "the key sk-live-1234abcd is wrong", AccessRefused),
        (403, "nope", AccessRefused),
        (404, "nope", AccessRefused),
        (429, "nope", Overloaded),
        (500, "nope", Unavailable),
        (422, "nope", BadResponse),
    ],
)
async def test_a_failure_is_the_matching_error_without_the_words_of_the_server(status, body, error):
    async with embedder_on(answering(status, body)) as embedder:
        with pytest.raises(error) as raised:
            await embedder.embed_query("a")
    assert body not in str(raised.value)
    assert "sk-live" not in raised.value.upstream


async def test_the_time_until_a_retry_is_the_one_of_the_server():
    async def busy(_: web.Request) -> web.Response:
        return web.json_response({"error": "too many"}, status=429, headers={"Retry-After": "9"})

    async with embedder_on(busy) as embedder:
        with pytest.raises(Overloaded) as raised:
            await embedder.embed_query("a")
    assert raised.value.retry_after == 9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda items: items[:-1], "sent 2 vectors for 3 texts"),
        (lambda _: [], "sent 0 vectors for 3 texts"),
        (lambda items: [*items, items[0] | {"index": 3}], "sent 4 vectors for 3 texts"),
        (
            lambda items: [item | {"embedding": [1.0] * 5} for item in items],
            "of 5 numbers, but RAG_EMBEDDER__DIM",
        ),
    ],
)
async def test_a_wrong_number_of_vectors_is_told_apart_from_a_wrong_dimension(change, said):
    async with embedder_on(EmbeddingServer(change)) as embedder:
        with pytest.raises(BadResponse, match=said):
            await embedder.embed_passages(["a", "b", "c"])


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_batch_that_is_too_large_is_halved_and_the_smaller_size_is_kept(status):
    server = EmbeddingServer(largest=2, status=status)
    async with embedder_on(server, batch_size=7) as embedder:
        assert letters_of(await embedder.embed_passages(TEXTS)) == TEXTS
        assert max(server.sizes) == 7
        server.sizes.clear()
        assert letters_of(await embedder.embed_passages(TEXTS)) == TEXTS
    assert max(server.sizes) <= 2


async def test_a_server_that_takes_no_text_at_all_is_asked_once_for_each_size():
    server = EmbeddingServer(largest=0)
    async with embedder_on(server, batch_size=7) as embedder:
        with pytest.raises(BadResponse):
            await embedder.embed_passages(TEXTS)
        assert server.sizes == [7, 4, 2, 1]
        assert embedder.batch_size == 7


async def test_one_text_that_a_server_rejects_does_not_make_batches_smaller():
    class Strict(EmbeddingServer):
        async def __call__(self, request: web.Request) -> web.Response:
            if "g" in (await request.json())["input"]:
                return web.json_response({"error": "too long"}, status=413)
            return await super().__call__(request)

    async with embedder_on(Strict(), batch_size=7) as embedder:
        with pytest.raises(BadResponse):
            await embedder.embed_passages(TEXTS)
        assert embedder.batch_size == 7


async def test_a_server_without_the_field_for_the_format_gets_requests_without_it():
    class Strict(EmbeddingServer):
        async def __call__(self, request: web.Request) -> web.Response:
            response = await super().__call__(request)
            if "encoding_format" in self.requests[-1]:
                return web.json_response({"detail": "encoding_format: Extra inputs are not permitted"}, status=422)
            return response

    server = Strict()
    async with embedder_on(server) as embedder:
        assert letters_of(await embedder.embed_passages(TEXTS)) == TEXTS
    assert ["encoding_format" in request for request in server.requests] == [True, False, False, False]


async def test_questions_behind_a_silent_server_all_time_out_together():
    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(600)
        return web.Response()

    async with embedder_on(silent, read=0.5) as embedder:
        asked = [embedder.embed_query("a") for _ in range(20)]
        results = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 60)
    assert {type(result) for result in results} == {TimedOut}


async def test_an_unreachable_server_is_unavailable_and_its_address_is_for_the_log():
    async with embedder_at("http://127.0.0.1:9") as embedder:
        with pytest.raises(Unavailable, match="RAG_EMBEDDER__URL") as raised:
            await embedder.embed_query("hello")
    assert "127.0.0.1" not in str(raised.value)
    assert "127.0.0.1" in raised.value.upstream
